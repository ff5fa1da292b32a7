//! Faults: killed under load, a full disk, a disk that can't be written to, told to stop. Never a false yes, and nothing
//! that was acknowledged is lost.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use symbolon_tests::{Imported, Installation, Server, accepted, reason, skip};

fn fleet(prefix: &str, size: usize) -> Vec<Imported> {
    (0..size).map(|n| Imported::totp(&format!("{prefix}{n}"), &format!("{prefix}-{n}"), "sha256", 8, 30)).collect()
}

/// What a kill leaves: whatever a client was told is still there, and no code counts twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_under_load_it_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start();
    let caller = server.caller("verify");
    let tokens = Arc::new(fleet("k", 48));
    let _ = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    for round in 0..4_i64 {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..16 {
            let (caller, tokens) = (caller.anew(), Arc::clone(&tokens));
            clients.spawn(async move {
                let mut acknowledged = Vec::new();
                for index in (client..tokens.len()).step_by(16) {
                    for step in 0..3 {
                        let code = tokens[index].code_at(round * 3 + step - 6);
                        let Ok(reply) = caller.try_verify(&tokens[index].user, &code).await else {
                            return acknowledged;
                        };
                        if reply.status == 200 && accepted(&reply.json()) {
                            acknowledged.push((index, code));
                        }
                    }
                }
                acknowledged
            });
        }
        tokio::time::sleep(Duration::from_millis(15 + 25 * round.unsigned_abs())).await;
        server.kill();
        let acknowledged: Vec<(usize, String)> = clients.join_all().await.into_iter().flatten().collect();
        server.start_again();
        for (index, code) in &acknowledged {
            let verdict = caller.verify(&tokens[*index].user, code).await;
            assert_eq!(reason(&verdict), "replayed", "round {round}");
        }
        assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
        assert!(server.count_of("code.accepted") >= acknowledged.len());
    }
    assert!(server.count_of("code.accepted") > 0, "the load did something");
}

/// A small disk of its own for a data directory; unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn on(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }

    fn remount(&self, how: &str) -> bool {
        let options = format!("remount,{how}");
        Command::new("mount").args(["-o", &options]).arg(&self.0).status().is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_never_answers_yes() {
    let installation = Installation::new();
    let Some(disk) = SmallDisk::on(&installation.data_dir()) else {
        skip("a_full_disk_is_said_to_be_full_and_never_answers_yes", "mounting a tmpfs needs root");
        return;
    };
    let server = Server::with(installation);
    let caller = server.caller("verify");
    let tokens = fleet("f", 40);
    let _ = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let filler = disk.0.join("filler");
    // As `cat /dev/zero > filler`: it ends when there is no room left.
    assert!(std::io::copy(&mut std::io::repeat(0), &mut std::fs::File::create(&filler).unwrap()).is_err());
    let mut refused = None;
    for token in &tokens {
        let code = token.code_at(0);
        let reply = caller.try_verify(&token.user, &code).await.unwrap();
        if reply.status == 503 {
            reply.problem(503, "storage");
            refused = Some((token, code));
            break;
        }
        // As long as there is room in the log, a yes is durable and true.
        assert!(accepted(&reply.json()), "{}", reply.text());
    }
    let (token, code) = refused.expect("the disk was never full");
    std::fs::remove_file(&filler).unwrap();
    assert!(accepted(&caller.verify(&token.user, &code).await), "what was not decided is not used");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

#[tokio::test]
async fn a_disk_that_can_t_be_written_to_is_said_to_be_so() {
    let installation = Installation::new();
    let Some(disk) = SmallDisk::on(&installation.data_dir()) else {
        skip("a_disk_that_can_t_be_written_to_is_said_to_be_so", "mounting a tmpfs needs root");
        return;
    };
    let mut server = Server::with(installation);
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    server.ask_to_stop();
    assert!(server.ended().success());
    assert!(disk.remount("ro"));
    let log = Server::launch(server.installation(), "127.0.0.1:0").err().expect("it started");
    assert!(log.to_lowercase().contains("read-only") || log.contains("can't be"), "{log}");
    assert!(disk.remount("rw"));
    server.start_again();
    assert!(accepted(&caller.verify("alice", &token.code()).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn told_to_stop_it_finishes_what_is_under_way_and_leaves_a_whole_database() {
    let mut server = Server::start();
    let caller = server.caller("verify");
    let tokens = fleet("s", 24);
    let _ = server.import(Imported::csv(&tokens).as_bytes(), &[]).done();
    let mut clients = tokio::task::JoinSet::new();
    for token in &tokens {
        let (caller, user, code) = (caller.anew(), token.user.clone(), token.code_at(0));
        clients.spawn(async move { caller.try_verify(&user, &code).await.is_ok_and(|reply| accepted(&reply.json())) });
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.ask_to_stop();
    let yes = clients.join_all().await.into_iter().filter(|accepted| *accepted).count();
    assert!(server.ended().success());
    assert!(!server.data_dir().join("symbolon.db-wal").exists(), "the log was brought into the database");
    assert!(server.count_of("code.accepted") >= yes);
    server.start_again();
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}
