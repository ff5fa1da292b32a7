//! Passwords of administrators: stretched by Argon2id (RFC 9106) and stored so. A few at a time, since each takes its
//! time and its memory.

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::ServiceError;
use crate::storage::StorageError;

/// A password that somebody typed or chose.
pub struct Password(Zeroizing<String>);

/// A text that is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have {} to {} characters", Password::SHORTEST, Password::LONGEST)]
pub struct PasswordError;

impl Password {
    /// The fewest characters of a password. Length is what guessing takes time for; nothing else is asked for.
    pub const SHORTEST: usize = 12;
    /// The most.
    pub const LONGEST: usize = 256;

    /// A password that somebody chooses.
    ///
    /// # Errors
    /// [`PasswordError`] when it is too short or too long.
    pub fn chosen(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        let length = text.chars().count();
        if (Self::SHORTEST..=Self::LONGEST).contains(&length) { Ok(Self(text)) } else { Err(PasswordError) }
    }

    /// What somebody typed to sign in. What is too long was chosen by nobody, and costs nothing to refuse.
    #[must_use]
    pub fn typed(mut text: Zeroizing<String>) -> Self {
        if text.len() > 4 * Self::LONGEST {
            text.clear();
        }
        Self(text)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// So many passwords are stretched at a time; the others wait their turn.
static AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// 64 MiB, three passes, one lane: RFC 9106's second choice, in one lane because several people sign in at once.
fn argon2() -> Argon2<'static> {
    let params = Params::new(64 * 1024, 3, 1, None);
    let params = params.unwrap_or_else(|_| unreachable!("these are within the bounds of RFC 9106"));
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
    let failed = |error: &dyn std::fmt::Display| ServiceError::Storage(StorageError::Failed(error.to_string()));
    let turn = AT_A_TIME.acquire().await.map_err(|error| failed(&error))?;
    let stretching = tokio::task::spawn_blocking(move || {
        // Not the caller's, who may hang up: the memory is in use until this has ended.
        let _turn = turn;
        work()
    });
    stretching.await.map_err(|error| failed(&error))
}

/// Stretches a password; answers what is stored of it.
///
/// # Errors
/// [`ServiceError::Storage`] when there is not enough memory.
pub async fn stretch(password: Password) -> Result<String, ServiceError> {
    let stretched = in_turn(move || {
        let salt = SaltString::generate(&mut OsRng);
        argon2().hash_password(password.0.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    stretched.await?.map_err(|error| StorageError::Failed(error.to_string()).into())
}

/// Whether `password` is the one of which `stored` is kept. Without one it is not, after the same time.
///
/// # Errors
/// [`ServiceError::Storage`] when there is not enough memory.
pub async fn is_right(password: Password, stored: Option<String>) -> Result<bool, ServiceError> {
    in_turn(move || match stored.as_deref().map(PasswordHash::new) {
        Some(Ok(hash)) => argon2().verify_password(password.0.as_bytes(), &hash).is_ok(),
        _ => {
            let salt = SaltString::generate(&mut OsRng);
            drop(argon2().hash_password(password.0.as_bytes(), &salt));
            false
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_stored_stretched_and_only_it_is_right() {
        let chosen = |text: &str| Password::chosen(Zeroizing::new(text.to_owned()));
        let stored = stretch(chosen("correct horse battery").unwrap()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{stored}");
        let typed = |text: &str| Password::typed(Zeroizing::new(text.to_owned()));
        assert!(is_right(typed("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!is_right(typed("correct horse batterie"), Some(stored.clone())).await.unwrap());
        assert!(!is_right(typed(""), Some(stored)).await.unwrap());
        assert!(!is_right(typed("correct horse battery"), None).await.unwrap());
        assert_eq!(chosen("elevenchars").unwrap_err(), PasswordError);
        assert_eq!(format!("{:?}", typed("secret")), "[redacted]");
    }
}
