//! Waking phones: each push service is a server of the real protocol, which checks what arrives.

use std::fmt::Write as _;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use axum::http::Version;
use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rand_core::OsRng;
use rsa::RsaPrivateKey;
use serde_json::{Value, json};
use sha2::Sha256;
use symbolon_core::push::PushAddress;
use symbolon_tests::{
    Arrived, Caller, Installation, Phone, Prepared, Receiver, Server, Token, calling_receivers, until,
};

fn approval() -> Value {
    json!({"user": "alice", "kind": "approval", "transaction": {"summary": "Pay Ana"}})
}

/// A server with an activated phone that told its address when it was activated.
async fn with_phone(installation: Installation, address: &Value) -> (Server, Token, Caller) {
    let server = Server::with(calling_receivers(installation));
    let phone = Phone::new(&server, &server.hand_out("alice")).woken_at(read(address));
    let token = phone.activate().await;
    let caller = server.caller("challenge");
    (server, token, caller)
}

fn read(address: &Value) -> PushAddress {
    serde_json::from_value(address.clone()).unwrap()
}

/// What a wake-up must not hold.
#[track_caller]
fn says_nothing(arrived: &Arrived, challenge: &Value, token: &Token) {
    let mut all = String::from_utf8_lossy(&arrived.body).into_owned();
    write!(all, "{} {:?}", arrived.path, arrived.headers).unwrap();
    for secret in [challenge["id"].as_str().unwrap(), &token.serial, "alice", "Ana"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

/// Waits until nothing waits in the outbox.
async fn emptied(server: &Server) {
    let is_empty = || server.admin(&["outbox", "list", "--state", "waiting"])["deliveries"] == json!([]);
    until("the outbox is empty", async || is_empty().then_some(())).await;
}

async fn dropped(server: &Server) {
    until("the address is dropped", async || (server.count_of("push_address.dropped") > 0).then_some(())).await;
    emptied(server).await;
}

fn claims(jwt: &str, key: &DecodingKey, algorithm: Algorithm, audience: Option<&str>, required: &[&str]) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(required);
    match audience {
        Some(audience) => validation.set_audience(&[audience]),
        None => validation.validate_aud = false,
    }
    decode(jwt, key, &validation).unwrap().claims
}

fn bearer(arrived: &Arrived) -> &str {
    arrived
        .header("authorization")
        .strip_prefix("Bearer ")
        .or(arrived.header("authorization").strip_prefix("bearer "))
        .unwrap()
}

/// Google: access for a service account, and FCM.
struct Google {
    receiver: Receiver,
    public: DecodingKey,
}

impl Google {
    fn start(folder: &Installation) -> (Self, String) {
        let receiver = Receiver::answering(|arrived| match arrived.path.as_str() {
            "/token" => Prepared::status(200).body(json!({"access_token": "ya29.access", "expires_in": 3599})),
            "/v1/projects/example/messages:send" => {
                Prepared::status(200).body(json!({"name": "projects/example/messages/1"}))
            }
            path => panic!("FCM has no {path}"),
        });
        let key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
        let public = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let account = json!({
            "type": "service_account", "project_id": "example", "client_email": "symbolon@example.iam",
            "private_key": key.to_pkcs8_pem(LineEnding::LF).unwrap().as_str(), "token_uri": format!("{}/token", receiver.url),
        });
        let file = folder.beside("fcm.json");
        std::fs::write(&file, account.to_string()).unwrap();
        let public = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
        (Self { receiver, public }, file.to_str().unwrap().to_owned())
    }

    /// Checks a request for access.
    fn asked(&self, arrived: &Arrived) {
        assert_eq!(arrived.path, "/token");
        assert_eq!(arrived.header("content-type"), "application/x-www-form-urlencoded");
        let body = String::from_utf8(arrived.body.clone()).unwrap();
        let assertion = body
            .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
            .unwrap_or_else(|| panic!("{body}"));
        let audience = format!("{}/token", self.receiver.url);
        let claims = claims(assertion, &self.public, Algorithm::RS256, Some(&audience), &["exp", "aud", "iss"]);
        assert_eq!(claims["iss"], "symbolon@example.iam");
        assert_eq!(claims["scope"], "https://www.googleapis.com/auth/firebase.messaging");
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 3600);
    }
}

#[tokio::test]
async fn an_android_phone_is_woken_by_fcm() {
    let installation = Installation::new();
    let (google, account) = Google::start(&installation);
    let installation = installation
        .configured("PUSH__FCM__SERVICE_ACCOUNT", &account)
        .configured("PUSH__FCM__ENDPOINT", &google.receiver.url);
    let address = json!({"service": "fcm", "token": "fcm-token:APA91b_1"});
    let (server, token, caller) = with_phone(installation, &address).await;

    let asked = caller.challenge(&approval()).await;
    google.asked(&google.receiver.next().await);
    let sent = google.receiver.next().await;
    assert_eq!(sent.method.as_str(), "POST");
    assert_eq!(bearer(&sent), "ya29.access");
    let message = &sent.json()["message"];
    assert_eq!(message["token"], "fcm-token:APA91b_1");
    assert_eq!(message["android"]["priority"], "HIGH");
    let ttl: i64 = message["android"]["ttl"].as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap();
    assert!((200..=300).contains(&ttl), "as long as the request lives: {ttl}");
    assert!(message.get("notification").is_none());
    says_nothing(&sent, &asked, &token);
    emptied(&server).await;

    // Overloaded, and access taken back: it is tried again, with new access.
    google.receiver.prepare(Prepared::status(503).header("retry-after", 1));
    google.receiver.prepare(Prepared::status(401).body(json!({"error": {"status": "UNAUTHENTICATED"}})));
    caller.challenge(&approval()).await;
    for _ in 0..2 {
        assert_eq!(google.receiver.next().await.path, "/v1/projects/example/messages:send");
    }
    google.asked(&google.receiver.next().await);
    assert_eq!(bearer(&google.receiver.next().await), "ya29.access");
    emptied(&server).await;

    // A key of another project is the operator's mistake, and the phone's address stays.
    let details =
        json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "SENDER_ID_MISMATCH"}]);
    google
        .receiver
        .prepare(Prepared::status(403).body(json!({"error": {"status": "PERMISSION_DENIED", "details": details}})));
    caller.challenge(&approval()).await;
    google.receiver.next().await;
    emptied(&server).await;
    assert_eq!(server.count_of("delivery.given_up"), 1);

    // The app was removed: the address is dropped, and nobody is woken there again.
    let details =
        json!([{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]);
    google.receiver.prepare(Prepared::status(404).body(json!({"error": {"status": "NOT_FOUND", "details": details}})));
    caller.challenge(&approval()).await;
    google.receiver.next().await;
    dropped(&server).await;
    caller.challenge(&approval()).await;
    assert_eq!(server.admin(&["outbox", "list", "--state", "waiting"])["deliveries"], json!([]));

    // Until the phone tells another one.
    let reply = token.tell_push_address(Some(read(&json!({"service": "fcm", "token": "another"})))).await;
    assert_eq!(reply.json(), json!({"woken": true}));
    caller.challenge(&approval()).await;
    assert_eq!(google.receiver.next().await.json()["message"]["token"], "another");
    let log = server.log();
    for secret in ["ya29.access", "APA91b_1", "PRIVATE KEY"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn an_iphone_is_woken_by_apns_over_http_2() {
    let installation = Installation::new();
    let apple = Receiver::start();
    let key = p256::SecretKey::random(&mut OsRng);
    let file = installation.beside("AuthKey.p8");
    std::fs::write(&file, key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes()).unwrap();
    let public = key.public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let public = DecodingKey::from_ec_pem(public.as_bytes()).unwrap();
    let installation = installation
        .configured("PUSH__APNS__KEY", file.to_str().unwrap())
        .configured("PUSH__APNS__KEY_ID", "'KEY1234567'")
        .configured("PUSH__APNS__TEAM_ID", "'TEAM123456'")
        .configured("PUSH__APNS__TOPICS", r#"["com.example.symbolon"]"#)
        .configured("PUSH__APNS__PRODUCTION", &apple.url);
    let device = "9f".repeat(32);
    let address = json!({"service": "apns", "token": device, "topic": "com.example.symbolon"});
    let (server, token, caller) = with_phone(installation, &address).await;

    let asked = caller.challenge(&approval()).await;
    let sent = apple.next().await;
    assert_eq!(sent.version, Version::HTTP_2);
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", format!("/3/device/{device}").as_str()));
    assert_eq!(sent.header("apns-topic"), "com.example.symbolon");
    assert_eq!(sent.header("apns-push-type"), "alert");
    assert_eq!(sent.header("apns-priority"), "10");
    let expires: Timestamp = asked["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(sent.header("apns-expiration"), expires.as_second().to_string());
    assert_eq!(decode_header(bearer(&sent)).unwrap().kid.as_deref(), Some("KEY1234567"));
    let team = claims(bearer(&sent), &public, Algorithm::ES256, None, &["iss"]);
    assert_eq!(team["iss"], "TEAM123456");
    assert!((Timestamp::now().as_second() - team["iat"].as_i64().unwrap()).abs() < 3600);
    assert!(sent.json()["aps"]["alert"].is_object());
    assert_eq!(sent.json()["aps"]["category"], "wake");
    says_nothing(&sent, &asked, &token);
    emptied(&server).await;

    // The same token for the next, as Apple asks for.
    caller.challenge(&approval()).await;
    let again = apple.next().await;
    assert_eq!(bearer(&again), bearer(&sent));
    emptied(&server).await;

    apple.prepare(Prepared::status(429).body(json!({"reason": "TooManyRequests"})));
    caller.challenge(&approval()).await;
    apple.next().await;
    apple.next().await;
    emptied(&server).await;
    apple.prepare(Prepared::status(410).body(json!({"reason": "Unregistered", "timestamp": 1_795_608_000_000_u64})));
    caller.challenge(&approval()).await;
    apple.next().await;
    dropped(&server).await;

    // The key pays for this organisation's apps, and not for what a phone names.
    let other = json!({"service": "apns", "token": device, "topic": "com.example.other"});
    token.tell_push_address(Some(read(&other))).await;
    let before = apple.arrived().len();
    caller.challenge(&approval()).await;
    emptied(&server).await;
    assert_eq!(apple.arrived().len(), before);
    assert_eq!(server.count_of("delivery.given_up"), 1);
}

/// Opens a message as RFC 8291 and RFC 8188 say, by a second hand.
fn opened(phone: &p256::SecretKey, auth: &[u8; 16], body: &[u8]) -> Vec<u8> {
    let (salt, rest) = body.split_at(16);
    let record = u32::from_be_bytes(rest[..4].try_into().unwrap());
    let (server, sealed) = rest[5..].split_at(usize::from(rest[4]));
    assert!(sealed.len() <= record as usize);
    let server_key = p256::PublicKey::from_sec1_bytes(server).unwrap();
    let shared = p256::ecdh::diffie_hellman(phone.to_nonzero_scalar(), server_key.as_affine());
    let derive = |salt: &[u8], secret: &[u8], info: &[u8], length: usize| {
        let mut derived = vec![0; length];
        Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut derived).unwrap();
        derived
    };
    let info = [b"WebPush: info\0".as_slice(), &phone.public_key().to_sec1_bytes(), server].concat();
    let secret = derive(auth, shared.raw_secret_bytes(), &info, 32);
    let key = derive(salt, &secret, b"Content-Encoding: aes128gcm\0", 16);
    let nonce = derive(salt, &secret, b"Content-Encoding: nonce\0", 12);
    let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
    let plain = cipher.decrypt(Nonce::from_slice(&nonce), Payload::from(sealed)).unwrap();
    let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
    assert_eq!(plain[end], 2, "the last record");
    plain[..end].to_vec()
}

#[test]
fn the_second_hand_opens_the_example_of_rfc_8291() {
    let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let phone = p256::SecretKey::from_slice(&decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")).unwrap();
    let auth = decode("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap();
    let body = decode(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    );
    assert_eq!(opened(&phone, &auth, &body), b"When I grow up, I want to be a watermelon");
}

#[tokio::test]
async fn a_phone_with_unified_push_is_woken_by_an_encrypted_message() {
    let distributor = Receiver::answering(|_| Prepared::status(201));
    let key = p256::SecretKey::random(&mut OsRng);
    let auth = [7; 16];
    let address = |path: &str| {
        let p256dh = BASE64URL_NOPAD.encode(&key.public_key().to_sec1_bytes());
        json!({"service": "web", "endpoint": format!("{}{path}", distributor.url), "p256dh": p256dh,
            "auth": BASE64URL_NOPAD.encode(&auth)})
    };
    let installation = Installation::new().configured("PUSH__WEB__CONTACT", "mailto:operations@example.org");
    let (mut server, mut token, caller) = with_phone(installation, &address("/up/secret-path")).await;
    let offered = server.wire().post("/v1/device/push-key", &json!({})).await.json();

    let asked = caller.challenge(&approval()).await;
    let sent = distributor.next().await;
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/up/secret-path"));
    assert_eq!(sent.header("content-encoding"), "aes128gcm");
    assert_eq!(sent.header("urgency"), "high");
    let ttl: i64 = sent.header("ttl").parse().unwrap();
    assert!((200..=300).contains(&ttl), "as long as the request lives: {ttl}");
    assert_eq!(opened(&key, &auth, &sent.body), b"wake");
    says_nothing(&sent, &asked, &token);

    // RFC 8292: who sends, to whom, and with the key that the phone was offered.
    let vapid = sent.header("authorization").strip_prefix("vapid t=").unwrap();
    let (statement, public) = vapid.split_once(", k=").unwrap();
    assert_eq!(offered["web_push_key"], public);
    let point = BASE64URL_NOPAD.decode(public.as_bytes()).unwrap();
    let pem = p256::PublicKey::from_sec1_bytes(&point).unwrap().to_public_key_pem(LineEnding::LF).unwrap();
    let public = DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let claims = claims(statement, &public, Algorithm::ES256, Some(&distributor.url), &["aud", "exp", "sub"]);
    assert_eq!(claims["sub"], "mailto:operations@example.org");
    assert!(claims["exp"].as_i64().unwrap() - Timestamp::now().as_second() <= 24 * 3600);
    emptied(&server).await;

    // Killed while the service does not take it, the server tries again after its restart.
    (0..50).for_each(|_| distributor.prepare(Prepared::status(503)));
    caller.challenge(&approval()).await;
    distributor.next().await;
    server.kill();
    distributor.forget_prepared();
    let before = distributor.arrived().len();
    server.start_again();
    token.reconnect(&server);
    emptied(&server).await;
    assert!(distributor.arrived().len() > before);

    // What was answered meanwhile wakes nobody.
    distributor.forget_arrived();
    distributor.prepare(Prepared::status(429).header("retry-after", 2));
    let caller = Caller::new(server.wire(), caller.key);
    let asked = caller.challenge(&approval()).await;
    distributor.next().await;
    let on_phone = token.requests(10).await.remove(0);
    let answer = token.answer(&on_phone, symbolon_core::approval::Decision::Cancel, None);
    assert_eq!(token.send_answer(&answer).await.json()["status"], "cancelled", "{asked}");
    let before = distributor.arrived().len();
    emptied(&server).await;
    assert_eq!(distributor.arrived().len(), before);

    distributor.prepare(Prepared::status(410));
    caller.challenge(&approval()).await;
    dropped(&server).await;
}

#[tokio::test]
async fn only_the_phone_itself_says_where_it_is_woken() {
    let distributor = Receiver::start();
    let installation = Installation::new().configured("PUSH__WEB__CONTACT", "mailto:operations@example.org");
    // Loopback is not allowed here.
    let server = Server::with(installation);
    let token = server.activated("alice").await;
    let caller = server.caller("challenge");
    let key = BASE64URL_NOPAD.encode(&p256::SecretKey::random(&mut OsRng).public_key().to_sec1_bytes());
    let web = |endpoint: &str| json!({"service": "web", "endpoint": endpoint, "p256dh": key, "auth": "A".repeat(22)});
    let address = read(&web(&distributor.url));

    let other = server.activated("mallory").await;
    let signed = |token: &Token, update: &Value| {
        let update = serde_json::from_value::<symbolon_core::push::PushUpdate>(update.clone()).unwrap();
        token.device_key().sign_object(&update).unwrap()
    };
    let update = |serial: &str, aud: &str, time: Timestamp| json!({"aud": aud, "serial": serial, "address": address, "time": time});
    let aud = token.identity().to_string();
    let now = Timestamp::now();
    let wire = server.wire();
    for (what, jws) in [
        ("another phone", signed(&other, &update(&token.serial, &aud, now))),
        ("another token", signed(&token, &update(&other.serial, &aud, now))),
        ("another server", signed(&token, &update(&token.serial, &"A".repeat(43), now))),
        ("long ago", signed(&token, &update(&token.serial, &aud, now - jiff::SignedDuration::from_secs(400)))),
        ("not yet", signed(&token, &update(&token.serial, &aud, now + jiff::SignedDuration::from_secs(400)))),
    ] {
        let reply = wire.post("/v1/device/push-address", &json!({"serial": token.serial, "update": jws})).await;
        assert_eq!(reply.status, 403, "{what}: {}", reply.text());
    }
    let newer = signed(&token, &update(&token.serial, &aud, now));
    let older = signed(&token, &update(&token.serial, &aud, now - jiff::SignedDuration::from_secs(1)));
    for (jws, status) in [(&newer, 200), (&newer, 200), (&older, 403)] {
        let reply = wire.post("/v1/device/push-address", &json!({"serial": token.serial, "update": jws})).await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert!(serde_json::from_value::<PushAddress>(web("http://push.example/")).is_err());

    // An address that leads into the server's own network is not called.
    caller.challenge(&approval()).await;
    emptied(&server).await;
    let given_up = server.admin(&["outbox", "list", "--state", "given_up"]);
    assert!(given_up["deliveries"][0]["problem"].as_str().unwrap().contains("no public address"), "{given_up}");
    assert!(distributor.arrived().is_empty());

    // And one that the server has no service for is told so.
    let fcm = read(&json!({"service": "fcm", "token": "abc"}));
    assert_eq!(token.tell_push_address(Some(fcm)).await.json(), json!({"woken": false}));
    assert_eq!(token.tell_push_address(None).await.json(), json!({"woken": false}));
    assert_eq!(server.number("SELECT count(*) FROM push_address"), 0);
}
