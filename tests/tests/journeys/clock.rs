//! A clock that jumps back: used codes would count again, so nothing is decided until a person has looked.

use symbolon_tests::{Clock, Installation, Server, accepted, reason, skip};

#[tokio::test]
async fn a_clock_that_jumped_back_stops_all_decisions_until_it_is_accepted() {
    let Some((installation, clock)) = Clock::of(Installation::new()) else {
        skip("a_clock_that_jumped_back_stops_all_decisions_until_it_is_accepted", "libfaketime is not installed");
        return;
    };
    let server = Server::with(installation);
    let caller = server.caller("verify");
    let token = server.activated("alice").await;
    let used = token.code();
    assert!(accepted(&caller.verify("alice", &used).await));

    // Small corrections are no jump.
    clock.moved(-3);
    assert_eq!(caller.get("/readyz").await.status, 200);

    clock.moved(-90);
    caller.get("/readyz").await.problem(503, "clock-behind");
    let next = token.code();
    caller.try_verify("alice", &next).await.unwrap().problem(503, "clock-behind");
    caller.try_verify("alice", &used).await.unwrap().problem(503, "clock-behind");
    assert_eq!(caller.get("/healthz").await.status, 200);
    let refused = server.try_admin(&["user", "add", "bob"]);
    assert_eq!(refused.exit, Some(1), "{}", refused.message);
    assert!(refused.message.contains("admin clock accept"), "{}", refused.message);

    server.admin(&["clock", "accept"]);
    assert_eq!(caller.get("/readyz").await.status, 200);
    assert_eq!(reason(&caller.verify("alice", &used).await), "replayed", "a used code stays used");
    assert!(accepted(&caller.verify("alice", &next).await));
    assert_eq!(server.count_of("clock.accepted"), 1);
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}
