//! What something else takes the place of is kept beside it, under a name that nothing has yet.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Keeps `path` by `make`, which fails where its argument exists already; answers the name that was free.
///
/// # Errors
/// `make`'s.
pub(crate) fn keep(path: &Path, make: impl Fn(&Path) -> std::io::Result<()>) -> std::io::Result<PathBuf> {
    for number in 1_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".replaced-{number}"));
        let kept = PathBuf::from(name);
        match make(&kept) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| kept),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}
