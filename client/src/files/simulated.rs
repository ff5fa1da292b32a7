//! A file system in memory on which the power can be cut at any step: for tests, here and of whoever builds on this
//! crate.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Files, Lock, parent_of};

/// What is left of the steps that were not flushed when the power went. A real disk may do any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerLoss {
    /// Nothing: contents and names are what was last flushed.
    LosesUnflushed,
    /// Everything that was done.
    KeepsUnflushed,
    /// Every name, but of each content only its first half.
    TearsUnflushed,
}

/// A file system in memory. Clones are the same file system.
#[derive(Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    written: Tree,
    flushed: Tree,
    contents: BTreeMap<u64, Content>,
    next: u64,
    locks: BTreeSet<PathBuf>,
    steps: u64,
    power_lasts: Option<u64>,
}

/// The names of files and directories; a file's name stands for one of the contents.
type Tree = BTreeMap<PathBuf, Node>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Directory,
    File(u64),
}

#[derive(Default)]
struct Content {
    written: Vec<u8>,
    flushed: Vec<u8>,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many steps that change something were done so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Lets the power last for `steps` more steps that change something; the next one, and all after it, fail.
    pub fn cut_power_after(&self, steps: u64) {
        let mut state = self.state();
        state.power_lasts = Some(steps);
    }

    /// Whether the power went.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().power_lasts == Some(0)
    }

    /// Switches the power on again: what is there is what the power loss left.
    pub fn restart(&self, loss: PowerLoss) {
        let mut state = self.state();
        state.power_lasts = None;
        state.locks.clear();
        match loss {
            PowerLoss::LosesUnflushed => state.written = state.flushed.clone(),
            PowerLoss::KeepsUnflushed | PowerLoss::TearsUnflushed => state.flushed = state.written.clone(),
        }
        for content in state.contents.values_mut() {
            if content.written == content.flushed {
                continue;
            }
            match loss {
                PowerLoss::LosesUnflushed => content.written.clone_from(&content.flushed),
                PowerLoss::KeepsUnflushed => {}
                PowerLoss::TearsUnflushed => content.written.truncate(content.written.len() / 2),
            }
            content.flushed.clone_from(&content.written);
        }
    }

    /// A copy of all that is there, to be changed apart from this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = self.state();
        let contents = state
            .contents
            .iter()
            .map(|(id, content)| (*id, Content { written: content.written.clone(), flushed: content.flushed.clone() }));
        Self(Arc::new(Mutex::new(State {
            written: state.written.clone(),
            flushed: state.flushed.clone(),
            contents: contents.collect(),
            next: state.next,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The state, for a step that changes something.
    fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.power_lasts {
            Some(0) => return Err(io::Error::other("the power is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        state.steps += 1;
        Ok(state)
    }

    /// The state, for a step that only looks.
    fn look(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.power_lasts == Some(0) { Err(io::Error::other("the power is off")) } else { Ok(state) }
    }
}

impl State {
    fn file(&self, path: &Path) -> Option<u64> {
        match self.written.get(path) {
            Some(Node::File(id)) => Some(*id),
            _ => None,
        }
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.parent().is_none() || self.written.get(path) == Some(&Node::Directory)
    }
}

impl Files for SimulatedDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let state = self.look()?;
        let content = state.file(path).and_then(|id| state.contents.get(&id));
        Ok(content.map(|content| content.written.clone()))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.step()?;
        if !state.is_directory(parent_of(path)) {
            return Err(ErrorKind::NotFound.into());
        }
        let id = state.file(path).unwrap_or_else(|| {
            state.next += 1;
            let id = state.next;
            state.written.insert(path.to_owned(), Node::File(id));
            id
        });
        state.contents.entry(id).or_default().written = bytes.to_vec();
        Ok(())
    }

    fn flush(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let id = state.file(path).ok_or(ErrorKind::NotFound)?;
        let content = state.contents.entry(id).or_default();
        content.flushed.clone_from(&content.written);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let id = state.file(from).ok_or(ErrorKind::NotFound)?;
        state.written.remove(from);
        state.written.insert(to.to_owned(), Node::File(id));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        state.written.remove(path);
        Ok(())
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        if self.look()?.is_directory(path) {
            return Ok(());
        }
        let mut state = self.step()?;
        for directory in path.ancestors().filter(|directory| directory.parent().is_some()) {
            state.written.insert(directory.to_owned(), Node::Directory);
            state.flushed.insert(directory.to_owned(), Node::Directory);
        }
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        if state.written.keys().any(|child| child.parent() == Some(path)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        state.written.remove(path);
        Ok(())
    }

    fn flush_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let State { written, flushed, .. } = &mut *state;
        let within = |name: &Path| name.parent() == Some(path);
        flushed.retain(|name, _| !within(name) || written.contains_key(name));
        flushed.extend(written.iter().filter(|(name, _)| within(name)).map(|(name, node)| (name.clone(), *node)));
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.look()?;
        let children = state.written.keys().filter(|name| name.parent() == Some(path));
        Ok(children.filter_map(|name| name.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let mut state = self.look()?;
        if !state.is_directory(parent_of(path)) {
            return Err(ErrorKind::NotFound.into());
        }
        if state.file(path).is_none() {
            state.next += 1;
            let id = state.next;
            state.written.insert(path.to_owned(), Node::File(id));
        }
        let free = state.locks.insert(path.to_owned());
        Ok(free.then(|| Box::new(Held { disk: self.clone(), path: path.to_owned() }) as Lock))
    }
}

struct Held {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{erase, replace};
    use super::*;

    fn path() -> &'static Path {
        Path::new("/home/file")
    }

    fn with_old_content() -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        disk.create_directory(Path::new("/home")).unwrap();
        replace(&disk, path(), b"old content").unwrap();
        disk
    }

    #[test]
    fn a_power_loss_at_any_step_leaves_the_old_or_the_new_content() {
        let losses = [PowerLoss::LosesUnflushed, PowerLoss::KeepsUnflushed, PowerLoss::TearsUnflushed];
        for loss in losses {
            for steps in 0..=4 {
                let disk = with_old_content();
                disk.cut_power_after(steps);
                let result = replace(&disk, path(), b"new content");
                disk.restart(loss);
                let content = disk.read(path()).unwrap().unwrap();
                assert_eq!(result.is_ok(), steps == 4);
                assert!(content == b"new content" || (content == b"old content" && steps < 4), "{loss:?} {steps}");
            }
        }
    }

    #[test]
    fn without_flushing_it_would_be_noticed() {
        let disk = with_old_content();
        disk.write(path(), b"new content").unwrap();
        disk.restart(PowerLoss::TearsUnflushed);
        assert_eq!(disk.read(path()).unwrap().unwrap(), b"new c");
        disk.remove(path()).unwrap();
        disk.restart(PowerLoss::LosesUnflushed);
        assert!(disk.read(path()).unwrap().is_some());
        erase(&disk, path()).unwrap();
        disk.restart(PowerLoss::LosesUnflushed);
        assert!(disk.read(path()).unwrap().is_none());
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let disk = with_old_content();
        let lock = disk.try_lock(Path::new("/home/lock")).unwrap();
        assert!(lock.is_some());
        assert!(disk.try_lock(Path::new("/home/lock")).unwrap().is_none());
        drop(lock);
        assert!(disk.try_lock(Path::new("/home/lock")).unwrap().is_some());
    }
}
