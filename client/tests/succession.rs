//! The server takes other keys: what the account hears of, keeps and refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a surprise ends the test")]

mod support;

use rand_core::OsRng;
use support::{activated, the_pin};
use symbolon_client::network::Trust;
use symbolon_client::{Error, SoftToken};
use symbolon_core::signed::SigningKey;
use symbolon_core::succession::{AnnouncedKeys, KeysVersion};

async fn contact(soft_token: &SoftToken) -> Result<(), Error> {
    soft_token.account(None).unwrap().unlock(the_pin()).await.unwrap().contact().await
}

fn announced(version: u64, next: Option<&SigningKey>, tls: u8) -> Option<AnnouncedKeys> {
    let next_identity = next.map(SigningKey::public_key);
    Some(AnnouncedKeys { version: KeysVersion::new(version), next_identity, tls: Some([tls; 32].into()) })
}

#[tokio::test]
async fn an_announced_key_is_told_back_taken_once_it_signs_and_never_given_up_for_the_one_before() {
    let (server, _device, soft_token) = activated().await;
    let [new, stranger] = [(); 2].map(|()| SigningKey::generate(&mut OsRng));
    let old = server.ticket().identity.unwrap();
    let heard = || std::mem::take(&mut server.state().heard);
    let (none, version) = (None, |number| Some(KeysVersion::new(number)));

    // Somebody who has another key announces it.
    server.state().signer = Some(SigningKey::from_secret(&stranger.to_secret()).unwrap());
    server.state().keys = announced(9, Some(&stranger), 9);
    assert!(matches!(contact(&soft_token).await.unwrap_err(), Error::Protocol(_)));
    assert_eq!(heard(), [(none, old.clone())]);

    server.state().signer = None;
    server.state().keys = announced(1, Some(&new), 9);
    contact(&soft_token).await.unwrap();
    assert_eq!(heard(), [(none, old.clone()), (version(1), old.clone())], "the server hears at once that it was heard");
    // The one in force signs on.
    contact(&soft_token).await.unwrap();
    assert_eq!(heard(), [(version(1), old.clone())]);

    server.state().signer = Some(SigningKey::from_secret(&new.to_secret()).unwrap());
    server.state().keys = announced(2, None, 9);
    contact(&soft_token).await.unwrap();
    let hash = new.public_key().hash();
    assert_eq!(heard(), [(version(1), old), (version(2), hash.clone())]);
    assert_eq!(soft_token.account(None).unwrap().header().identity(), Some(hash.clone()));

    // The key of before is nobody's any more, whatever it announces.
    server.state().signer = None;
    server.state().keys = announced(3, Some(&stranger), 9);
    assert!(matches!(contact(&soft_token).await.unwrap_err(), Error::Protocol(_)));
    assert_eq!(soft_token.account(None).unwrap().header().identity(), Some(hash));
}

#[tokio::test]
async fn another_authority_is_pinned_and_an_older_announcement_brings_none_back() {
    let (server, _device, soft_token) = activated().await;
    server.state().keys = announced(2, None, 7);
    contact(&soft_token).await.unwrap();
    server.state().keys = announced(1, None, 9);
    contact(&soft_token).await.unwrap();
    server.state().asked.clear();
    contact(&soft_token).await.unwrap();
    let asked = server.state().asked.clone();
    assert_eq!(asked, [("/v1/device/contact".to_owned(), Trust::Authority([7; 32].into()))]);
}
