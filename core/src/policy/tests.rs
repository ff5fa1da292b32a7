use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A setting as the product's page has it.
struct Expected {
    key: &'static str,
    default: &'static str,
    good: Vec<String>,
    bad: Vec<String>,
}

/// Every setting once more, written by hand: what it takes and what it refuses, around each bound.
fn expected() -> Vec<Expected> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let number = |key, default, min: u32, max: u32| {
        let below = min.checked_sub(1).map_or("-1".to_owned(), |below| below.to_string());
        let mut bad = words(&["", "six", "6.0", "6 6", "+6", "-6", "0x6", "1e1", "99999999999999999999", "٦"]);
        bad.extend([below, (max + 1).to_string()]);
        let good = [min, min + 1, max - 1, max].iter().map(ToString::to_string).collect();
        Expected { key, default, good, bad }
    };
    let one_of =
        |key, default, good: &[&str], bad: &[&str]| Expected { key, default, good: words(good), bad: words(bad) };
    let switch = |key, default| one_of(key, default, &["true", "false"], &["", "yes", "1", "True", "on", "true,false"]);
    let apps = |key, like: fn(usize) -> String, good: &[&str], bad: &[&str]| {
        let several = |count| (0..count).map(like).collect::<Vec<_>>().join(",");
        let (mut good, mut bad) = (words(good), words(bad));
        good.extend([String::new(), several(1), several(2), several(20)]);
        bad.extend([several(21), format!("{0},{0}", like(0)), format!("{},", like(0)), ",".to_owned()]);
        Expected { key, default: "", good, bad }
    };
    let hex = "0123456789abcdef".repeat(4);
    let mut android = apps("android_apps", android_app, &[], &["org.example.app", "org.example.app/", "/0123"]);
    for package in ["a.b", "org.example.app", "Org.Exa_mple.app2", &format!("a.{}", "b".repeat(253))] {
        android.good.push(format!("{package}/{hex}"));
    }
    for package in ["", "app", "org..app", ".app", "org.", "org.1app", "org.ex-ample", "org.exämple", "org app.a"] {
        android.bad.push(format!("{package}/{hex}"));
    }
    android.bad.push(format!("a.{}/{hex}", "b".repeat(254)));
    for bad in [&hex[1..], &format!("{hex}00"), &hex.replace('f', "g"), &format!("{hex}/"), &hex.replace('f', " ")] {
        android.bad.push(format!("org.example.app/{bad}"));
    }

    vec![
        one_of("code_length", "8", &["6", "8"], &["5", "7", "9", "10", "", "eight", "08"]),
        one_of("hash", "sha256", &["sha1", "sha256", "sha512"], &["", "md5", "SHA256", "sha-256", "sha1,sha256"]),
        switch("pin_required", "true"),
        number("pin_length", "6", 4, 12),
        number("pin_tries", "5", 1, 20),
        number("max_time_steps", "10", 1, 120),
        number("max_reset_time_steps", "120", 1, 1200),
        number("max_event_window", "10", 1, 25),
        number("max_reset_event_window", "80", 1, 100),
        number("online_activation_password_length", "16", 16, 32),
        number("offline_activation_password_length", "12", 8, 20),
        number("activation_lifetime", "300", 60, 7 * 24 * 60 * 60),
        one_of(
            "email_activation_methods",
            "online,classic",
            &["online", "classic", "online,classic", "offline"],
            &[
                "",
                ",",
                "online,",
                "online,online",
                "online,classic,online",
                "offline,online",
                "classic,offline",
                "online,offline,classic",
                "mail",
                "Online",
            ],
        ),
        switch("allow_unsecure_device", "false"),
        switch("require_attestation", "false"),
        android,
        apps(
            "ios_apps",
            ios_app,
            &["ABCDE12345.a", "ABCDE12345.org.exam-ple.App2", &format!("ABCDE12345.{}", "b".repeat(155))],
            &[
                "org.example.app",
                "ABCDE1234.a",
                "ABCDE123456.a",
                "abcde12345.a",
                "ABCDE12345",
                "ABCDE12345.",
                "ABCDE12345.a..b",
                "ABCDE12345.a.",
                "ABCDE12345.*",
                "ABCDE12345.a_b",
                &format!("ABCDE12345.{}", "b".repeat(156)),
            ],
        ),
        one_of(
            "oldest_patch_level",
            "none",
            &["none", "2015-01", "2025-12", "2025-03-05", "2024-02-29", "2025-12-31"],
            &[
                "",
                "None",
                "2025",
                "2025-3",
                "2025-00",
                "2025-13",
                "2025-03-00",
                "2025-03-32",
                "2025-02-29",
                "2025-03-05-01",
                "0205-03",
                "2014-12",
                "25-03",
                "2025-03-",
                "202503",
                "2025-03-5",
                "+202-03",
                "null",
            ],
        ),
        switch("device_biometrics_allowed", "true"),
        switch("facial_recognition_allowed", "false"),
        switch("actionable_notifications", "false"),
        one_of("mutual_challenge", "enter", &["off", "pick", "enter"], &["", "on", "true", "none", "Pick"]),
        number("mutual_challenge_length", "2", 1, 6),
        number("mutual_challenge_choices", "3", 2, 5),
        one_of(
            "mutual_challenge_alphabet",
            "digits",
            &["digits", "letters", "letters_and_digits"],
            &["", "hex", "letters,digits"],
        ),
        number("mutual_challenge_share", "100", 1, 100),
        number("tokens_per_user", "5", 1, 10),
        number("lockout_count", "5", 1, 20),
        number("lockout_time", "900", 0, 24 * 60 * 60),
        one_of("lockout_scope", "user", &["user", "token"], &["", "group", "users", "user,token"]),
        number("approval_lifetime", "300", 60, 3600),
        number("approval_queue", "10", 1, 100),
        switch("temporary_codes", "false"),
        switch("automatic_assignment", "false"),
    ]
}

fn android_app(number: usize) -> String {
    format!("org.example.app{number}/{}", "0123456789abcdef".repeat(4))
}

fn ios_app(number: usize) -> String {
    format!("ABCDE12345.org.example.app{number}")
}

fn patch(settings: &[(&str, &str)]) -> PolicyPatch {
    let mut patch = PolicyPatch::default();
    for (key, text) in settings {
        patch.set(key, text).unwrap();
    }
    patch
}

#[test]
fn the_table_has_every_setting_with_its_default_in_the_order_of_the_contract() {
    let default = Policy::default();
    let found: Vec<_> = SETTINGS.iter().map(|setting| (setting.key, setting.text(&default))).collect();
    let expected: Vec<_> = expected().into_iter().map(|row| (row.key, row.default.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn each_setting_takes_what_is_in_its_bounds_the_same_as_text_and_as_json() {
    for Expected { key, good, .. } in expected() {
        for text in good {
            let given = patch(&[(key, &text)]);
            let setting = Setting::find(key).unwrap();
            let json = setting.given(&given).unwrap();
            let mut from_json = PolicyPatch::default();
            from_json.set_json(key, &json).unwrap();
            assert_eq!(from_json, given, "{key} {text}");
            let document = serde_json::to_string(&given).unwrap();
            assert_eq!(document, format!("{{\"{key}\":{json}}}"));
            assert_eq!(serde_json::from_str::<PolicyPatch>(&document).unwrap(), given, "{document}");
            // Alone, a window may fail the cross-check, which has a test of its own.
            if let Ok(policy) = Policy::default().with(&given) {
                assert_eq!(setting.text(&policy), text);
                assert_eq!(setting.json(&policy), json);
            }
        }
    }
}

#[test]
fn each_setting_refuses_what_is_out_of_its_bounds_and_says_what_it_takes() {
    for Expected { key, bad, .. } in expected() {
        for text in bad {
            let mut patch = PolicyPatch::default();
            let error = patch.set(key, &text).expect_err(&format!("{key}={text}"));
            assert!(patch.is_empty());
            assert_eq!(error.key(), key);
            let message = error.to_string();
            assert!(message.starts_with(&format!("{key} cannot be \"")), "{message}");

            let as_string = Value::String(text.clone());
            let as_number = serde_json::from_str::<Value>(&text).unwrap_or_default();
            let as_list = Value::from(text.split(',').collect::<Vec<_>>());
            for json in [as_string, as_number, as_list, Value::Null, json!({}), json!([1]), json!([["online"]])] {
                patch.set_json(key, &json).expect_err(&format!("{key}: {json}"));
                serde_json::from_value::<PolicyPatch>(json!({ key: json })).expect_err(&format!("{key}: {json}"));
                assert!(patch.is_empty());
            }
        }
    }
}

#[test]
fn json_has_the_type_of_the_setting() {
    for (key, json) in [
        ("code_length", json!("8")),
        ("code_length", json!(8.0)),
        ("pin_length", json!("6")),
        ("pin_length", json!(6.5)),
        ("pin_length", json!(-6)),
        ("pin_length", json!([6])),
        ("pin_required", json!("true")),
        ("pin_required", json!(1)),
        ("hash", json!(256)),
        ("email_activation_methods", json!("online")),
        ("email_activation_methods", json!(["online,classic"])),
        ("ios_apps", json!([""])),
        ("ios_apps", json!("")),
        ("oldest_patch_level", json!(202_503)),
        ("oldest_patch_level", Value::Null),
    ] {
        PolicyPatch::default().set_json(key, &json).expect_err(&format!("{key}: {json}"));
    }
}

#[test]
fn messages_say_what_to_do() {
    let say = |key: &str, text: &str| PolicyPatch::default().set(key, text).unwrap_err().to_string();
    let say_json = |key: &str, json: Value| PolicyPatch::default().set_json(key, &json).unwrap_err().to_string();
    for (said, expected) in [
        (say("pin_length", "3"), r#"pin_length cannot be "3": it takes a whole number from 4 to 12"#),
        (say("code_length", "7"), r#"code_length cannot be "7": it takes 6 or 8"#),
        (say("hash", "md5"), r#"hash cannot be "md5": it takes sha1, sha256 or sha512"#),
        (say("pin_required", "yes"), r#"pin_required cannot be "yes": it takes true or false"#),
        (
            say("email_activation_methods", ""),
            "email_activation_methods cannot be \"\": it takes online, classic or both (online,classic), or offline \
             alone",
        ),
        (
            say("email_activation_methods", "online,offline"),
            "email_activation_methods cannot be \"online,offline\": an offline QR travels alone, since the other \
             methods would bring its password along; it takes online, classic or both (online,classic), or \
             offline alone",
        ),
        (
            say("email_activation_methods", "online,online"),
            r#"email_activation_methods cannot be "online,online": "online" is listed twice: list it once"#,
        ),
        (
            say("ios_apps", "ABCDE12345.a, org.b"),
            r#"ios_apps cannot be "ABCDE12345.a, org.b": "org.b" is not written like ABCDE12345.org.example.app"#,
        ),
        (
            say("oldest_patch_level", "2025"),
            "oldest_patch_level cannot be \"2025\": it takes a month such as 2025-03, a day such as 2025-03-05, or \
             none",
        ),
        (
            say_json("pin_length", json!("6")),
            r#"pin_length cannot be "6": in JSON it is a number; it takes a whole number from 4 to 12"#,
        ),
        (say_json("pin_length", json!(13)), "pin_length cannot be 13: it takes a whole number from 4 to 12"),
        (say("pin_lenght", "6"), r#"no setting is called "pin_lenght"; did you mean pin_length?"#),
        (say("Pin-Length", "6"), r#"no setting is called "Pin-Length"; did you mean pin_length?"#),
        (say("colour", "red"), r#"no setting is called "colour"; `policy show` lists them all"#),
        (say("", ""), r#"no setting is called ""; `policy show` lists them all"#),
    ] {
        assert_eq!(said, expected);
    }
    let long = say(&"x".repeat(10_000), "");
    assert!(long.len() < 200, "{long}");
}

#[test]
fn unknown_and_repeated_keys_are_refused() {
    let read = |json: &str| serde_json::from_str::<PolicyPatch>(json).unwrap_err().to_string();
    assert!(read(r#"{"pin_lenght":6}"#).contains("did you mean pin_length?"));
    assert!(read(r#"{"pin_length":6,"pin_length":8}"#).contains("pin_length is given twice"));
    assert!(read(r#"["pin_length"]"#).contains("an object of policy settings"));
    assert!(serde_json::from_str::<Policy>(r#"{"pin_lenght":6}"#).is_err());

    let mut patch = patch(&[("pin_length", "6")]);
    assert_eq!(patch.set("pin_length", "8"), Err(PolicyError::GivenTwice("pin_length")));
    assert_eq!(patch.pin_length.map(Bounded::get), Some(6));
    patch.unset("pin_length").unwrap();
    assert!(patch.is_empty());
    assert!(patch.unset("pin").is_err());
}

#[test]
fn every_key_with_one_letter_too_many_is_recognised() {
    for setting in SETTINGS {
        for (position, letter) in setting.key.char_indices() {
            let mut key = setting.key.to_owned();
            key.insert(position, letter);
            let Err(PolicyError::UnknownKey { nearest, .. }) = Setting::find(&key) else { unreachable!("{key}") };
            assert_eq!(nearest, Some(setting.key), "{key}");
        }
    }
}

#[test]
fn texts_are_forgiven_spaces_and_the_ways_of_writing_a_hash() {
    assert_eq!(patch(&[("pin_length", " 8 ")]), patch(&[("pin_length", "8")]));
    assert_eq!(
        patch(&[("email_activation_methods", "classic, online")]),
        patch(&[("email_activation_methods", "online,classic")])
    );
    let colons = ["AB"; 32].join(":");
    let given = patch(&[("android_apps", &format!("org.example.app/{colons}"))]).android_apps.unwrap();
    assert_eq!(given.to_string(), format!("org.example.app/{}", "ab".repeat(32)));
    assert_eq!((given[0].package(), given[0].signer()), ("org.example.app", &[0xab; 32]));
    let ios = patch(&[("ios_apps", "ABCDE12345.org.example.app")]).ios_apps.unwrap();
    assert_eq!((ios[0].team(), ios[0].bundle()), ("ABCDE12345", "org.example.app"));
}

#[test]
fn a_reset_never_looks_less_far_than_a_check() {
    for (narrow, wide, equal) in
        [("max_time_steps", "max_reset_time_steps", 50_u32), ("max_event_window", "max_reset_event_window", 20)]
    {
        let with = |less: u32| {
            Policy::default().with(&patch(&[(narrow, &equal.to_string()), (wide, &(equal - less).to_string())]))
        };
        assert!(with(0).is_ok());
        let error = with(1).unwrap_err();
        assert_eq!(error.key(), wide);
        assert_eq!(
            error.to_string(),
            format!("{wide} ({}) is less than {narrow} ({equal}): raise {wide} or lower {narrow}", equal - 1)
        );
        // The other one may be the value that is there already; and a document is checked as well.
        assert!(Policy::default().with(&patch(&[(wide, "9")])).is_err());
        assert!(serde_json::from_value::<Policy>(json!({ wide: 9 })).is_err());
        assert!(serde_json::from_value::<Policy>(json!({ wide: 10 })).is_ok());
    }
}

#[test]
fn a_group_lays_its_settings_over_the_global_ones() {
    let global = Policy::default().with(&patch(&[("pin_length", "8"), ("hash", "sha1")])).unwrap();
    let mut group = patch(&[("pin_length", "10"), ("tokens_per_user", "1")]);
    group.merge(patch(&[("pin_length", "12")]));
    let policy = global.with(&group).unwrap();
    assert_eq!((policy.pin_length.get(), policy.tokens_per_user.get(), policy.hash), (12, 1, Hash::Sha1));
    assert_eq!(global.with(&PolicyPatch::default()), Ok(global.clone()));
    let change = |key, before: &str, after: &str| PolicyChange { key, before: before.into(), after: after.into() };
    assert_eq!(global.diff(&policy), [change("pin_length", "8", "12"), change("tokens_per_user", "5", "1")]);
    assert_eq!(global.diff(&global), []);
    let given: Vec<_> = group.iter().map(|(setting, value)| (setting.key, value)).collect();
    assert_eq!(given, [("pin_length", json!(12)), ("tokens_per_user", json!(1))]);
}

#[test]
fn the_default_policy_is_this_document() {
    let document = r#"{
  "code_length": 8,
  "hash": "sha256",
  "pin_required": true,
  "pin_length": 6,
  "pin_tries": 5,
  "max_time_steps": 10,
  "max_reset_time_steps": 120,
  "max_event_window": 10,
  "max_reset_event_window": 80,
  "online_activation_password_length": 16,
  "offline_activation_password_length": 12,
  "activation_lifetime": 300,
  "email_activation_methods": [
    "online",
    "classic"
  ],
  "allow_unsecure_device": false,
  "require_attestation": false,
  "android_apps": [],
  "ios_apps": [],
  "oldest_patch_level": "none",
  "device_biometrics_allowed": true,
  "facial_recognition_allowed": false,
  "actionable_notifications": false,
  "mutual_challenge": "enter",
  "mutual_challenge_length": 2,
  "mutual_challenge_choices": 3,
  "mutual_challenge_alphabet": "digits",
  "mutual_challenge_share": 100,
  "tokens_per_user": 5,
  "lockout_count": 5,
  "lockout_time": 900,
  "lockout_scope": "user",
  "approval_lifetime": 300,
  "approval_queue": 10,
  "temporary_codes": false,
  "automatic_assignment": false
}"#;
    assert_eq!(serde_json::to_string_pretty(&Policy::default()).unwrap(), document);
    assert_eq!(serde_json::from_str::<Policy>(document).unwrap(), Policy::default());
    assert_eq!(serde_json::from_str::<Policy>("{}").unwrap(), Policy::default());
}

#[test]
fn each_setting_says_what_it_means() {
    for setting in SETTINGS {
        let meaning = setting.meaning;
        assert!(meaning.starts_with(|first: char| first.is_ascii_uppercase()), "{meaning}");
        assert!(meaning.ends_with('.') && !meaning.contains(['`', '[']), "{meaning}");
        assert_eq!(meaning.trim(), meaning);
        assert!(!setting.allowed.to_string().is_empty());
        let is_number = matches!(setting.allowed, Allowed::Number { .. } | Allowed::NumberOf(_));
        assert_eq!(setting.unit.is_empty(), !is_number, "{}", setting.key);
        assert_eq!(setting.default_text(), setting.text(&Policy::default()));
    }
    let takes_effect = |key| Setting::find(key).unwrap().takes_effect;
    assert_eq!(takes_effect("code_length"), TakesEffect::OnActivation);
    assert_eq!(takes_effect("hash"), TakesEffect::OnActivation);
    assert_eq!(takes_effect("lockout_count"), TakesEffect::AtOnce);
    // What the phone is told is what waits for its next contact, or is fixed when it is activated.
    let told = serde_json::to_value(Policy::default().for_phone()).unwrap();
    for setting in SETTINGS {
        let is_told = told.get(setting.key).is_some();
        assert_eq!(
            is_told,
            matches!(setting.key, "code_length" | "hash") || takes_effect(setting.key) == TakesEffect::AtNextContact
        );
    }
}

#[test]
fn values_answer_what_the_server_asks_of_them() {
    let policy = |key, text| Policy::default().with(&patch(&[(key, text)])).unwrap();
    assert_eq!(policy("lockout_time", "0").lockout_seconds(), None);
    assert_eq!(policy("lockout_time", "1").lockout_seconds(), Some(1));
    assert_eq!((CodeLength::Six.digits().get(), CodeLength::Eight.digits().get()), (6, 8));
    let methods = Policy::default().email_activation_methods;
    assert!(methods.contains(ActivationMethod::Online) && !methods.contains(ActivationMethod::Offline));
    for alphabet in
        [MutualChallengeAlphabet::Digits, MutualChallengeAlphabet::Letters, MutualChallengeAlphabet::LettersAndDigits]
    {
        // Enough for the most choices of one character.
        assert!(alphabet.characters().len() >= 10);
        assert!(
            alphabet == MutualChallengeAlphabet::Digits || !alphabet.characters().contains(['0', 'O', '1', 'I', 'L'])
        );
    }
}

#[test]
fn patch_levels_are_compared_by_what_both_have() {
    for (oldest, attested, admitted) in [
        ("none", 0, true),
        ("2025-03", 202_502, false),
        ("2025-03", 202_503, true),
        ("2025-03", 202_412, false),
        ("2025-03", 202_601, true),
        ("2025-03", 20_250_228, false),
        ("2025-03", 20_250_301, true),
        ("2025-03-05", 202_503, true),
        ("2025-03-05", 202_502, false),
        ("2025-03-05", 20_250_300, true),
        ("2025-03-05", 20_250_304, false),
        ("2025-03-05", 20_250_305, true),
        ("2025-03-05", 20_250_401, true),
        ("2025-03-05", 0, false),
    ] {
        let oldest: OldestPatchLevel = oldest.parse().unwrap();
        assert_eq!(oldest.admits(attested), admitted, "{oldest} {attested}");
    }
}

#[test]
fn a_phone_goes_on_with_an_older_or_newer_server() {
    let policy = Policy::default().with(&patch(&[("pin_length", "8"), ("pin_tries", "3")])).unwrap().for_phone();
    assert_eq!((policy.pin_length.get(), policy.pin_tries.get()), (8, 3));
    let mut document = serde_json::to_value(&policy).unwrap();
    assert_eq!(serde_json::from_value::<PhonePolicy>(document.clone()).unwrap(), policy);
    document["later_setting"] = json!("of a newer server");
    assert_eq!(serde_json::from_value::<PhonePolicy>(document.clone()).unwrap(), policy);
    document["pin_length"] = json!(3);
    assert!(serde_json::from_value::<PhonePolicy>(document).is_err());

    let strict = serde_json::from_str::<PhonePolicy>("{}").unwrap();
    assert_eq!(strict, PhonePolicy::default());
    assert!(strict.pin_required && strict.require_attestation);
    assert!(!strict.allow_unsecure_device && !strict.device_biometrics_allowed);
    assert!(!strict.facial_recognition_allowed && !strict.actionable_notifications);
}

#[test]
fn a_version_admits_itself_and_later_ones() {
    let version = PolicyVersion::new(7);
    assert!(version.admits(version) && version.admits(version.next()));
    assert!(!version.admits(PolicyVersion::new(6)) && !version.admits(PolicyVersion::FIRST));
    assert_eq!(PolicyVersion::new(u64::MAX).next().get(), u64::MAX);
    assert_eq!(serde_json::to_string(&version).unwrap(), "7");
}

/// Any value of a setting as text.
fn any_text(setting: &Setting) -> BoxedStrategy<String> {
    let some_of = |values: &[&str]| {
        proptest::sample::select(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()).boxed()
    };
    match setting.allowed {
        Allowed::Number { min, max } => (min..=max).prop_map(|number| number.to_string()).boxed(),
        Allowed::NumberOf(words) | Allowed::Word(words) => some_of(words),
        Allowed::Switch => some_of(&["true", "false"]),
        Allowed::Words { .. } => some_of(&["online", "classic", "online,classic", "offline"]),
        Allowed::List { max, .. } => {
            let app = if setting.key == "ios_apps" { ios_app } else { android_app };
            (0..=max).prop_map(move |count| (0..count).map(app).collect::<Vec<_>>().join(",")).boxed()
        }
        Allowed::Text(_) => {
            prop_oneof![Just("none".to_owned()), "20[2-9][0-9]-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?"].boxed()
        }
    }
}

/// Any settings with any of their values, as texts.
fn any_settings() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    proptest::sample::subsequence(SETTINGS.iter().collect::<Vec<_>>(), 0..=SETTINGS.len()).prop_flat_map(|settings| {
        settings.into_iter().map(|setting| (Just(setting.key), any_text(setting))).collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn a_patch_is_the_same_by_text_and_by_json(settings in any_settings()) {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let patch = patch(&settings);
        let document = serde_json::to_string(&patch).unwrap();
        prop_assert_eq!(&serde_json::from_str::<PolicyPatch>(&document).unwrap(), &patch);
        if let Ok(policy) = Policy::default().with(&patch) {
            for (key, text) in settings {
                prop_assert_eq!(Setting::find(key).unwrap().text(&policy), text);
            }
            let document = serde_json::to_string(&policy).unwrap();
            prop_assert_eq!(serde_json::from_str::<Policy>(&document).unwrap(), policy);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(key in 0..SETTINGS.len(), text: String) {
        let _ = PolicyPatch::default().set(SETTINGS[key].key, &text);
        let _ = Setting::find(&text);
    }

    #[test]
    fn any_document_is_read_or_refused(document in "\\{\"[a-z_]{0,12}\":[0-9\\[\\]\"a-z,]{0,12}\\}") {
        let _ = serde_json::from_str::<Policy>(&document);
    }

    #[test]
    fn a_patch_level_reads_as_it_is_written(oldest in "20[2-9][0-9]-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?") {
        prop_assert_eq!(oldest.parse::<OldestPatchLevel>().unwrap().to_string(), oldest);
    }
}
