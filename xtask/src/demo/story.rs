//! The story, step by step. Each step is a function that tells, does, and checks; what one hands to the next is its
//! result. A new feature is a new step.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::application::Application;
use super::stage::{Stage, time_step};

const USER: &str = "alice";
const PIN: &str = "246813";

/// Failures in a row after which a user is locked, as the policy has it from the start.
const LOCKOUT_COUNT: usize = 5;

/// Tells everything; answers what to try next. Told `once`, it tries that too.
pub(super) async fn tell(stage: &mut Stage<'_>, once: bool) -> Result<String> {
    stage.say(&format!(
        "\nA server, a soft token and an application get to know each other. Every command below is one that really\n\
         ran, in {}, and can be pasted.",
        stage.root()
    ));
    let url = start_server(stage).await.context("starting the server")?;
    add_user(stage).await.context("adding a user")?;
    let ticket = hand_out_token(stage).await.context("handing out a token")?;
    let activated = activate(stage, &ticket).await.context("activating the soft token")?;
    let application = add_application(stage, &url).await.context("adding an application")?;
    let code = show_code(stage).await.context("showing a code")?;
    let code = accept(stage, &application, code, activated).await.context("verifying a code")?;
    refuse_replay(stage, &application, &code).await.context("verifying a code a second time")?;
    lock(stage, &application, &code).await.context("guessing codes")?;
    unlock(stage, &ticket).await.context("unlocking")?;
    accept_next(stage, &application, &code).await.context("verifying the next code")?;
    approve(stage, &application, &ticket).await.context("approving a payment")?;
    forget_pin(stage, &ticket).await.context("unlocking a forgotten PIN")?;
    activate_without_network(stage).await.context("activating without a network")?;
    verify_audit(stage).await.context("verifying the audit")?;
    let link = open_console(stage).await.context("making a link to the console")?;
    suggest(stage, &application, &link, once).await
}

/// What a token is given out with.
struct Ticket {
    serial: String,
    link: String,
}

/// A code, and the time step whose code it is.
struct Code {
    code: String,
    step: u64,
}

/// An `admin` command on the demo's server.
fn admin(stage: &Stage<'_>, command: &str) -> String {
    format!("{} admin --data-dir {} {command}", stage.program("symbolon-server"), stage.shown("server"))
}

/// A command of the soft token, which keeps its keys in a file: not every machine has a key store. Its PIN comes by a
/// file descriptor of its own, so that no list of processes shows it.
fn soft_token(stage: &Stage<'_>, command: &str) -> String {
    let program = stage.program("symbolon");
    format!("{program} --home {} --key-store file {command} --pin-fd 3 --json 3<<<{PIN}", stage.shown("alice"))
}

async fn start_server(stage: &mut Stage<'_>) -> Result<String> {
    stage.step("A server");
    stage.say("It keeps everything in one folder. At its first start it makes its keys there, and a TLS authority of its own.");
    let ready = stage.start_server("server").await?;
    let url = ready.url.clone();
    ensure!(url.starts_with("https://127.0.0.1:"), "expected an https address on loopback, got {url}");
    ensure!(ready.tls_pin.is_some(), "expected the server to name its authority's key");
    stage.good(&format!("ready at {url}"));
    Ok(url)
}

async fn add_user(stage: &mut Stage<'_>) -> Result<()> {
    stage.step("An administrator adds a user");
    let answer: Value = stage.run(&admin(stage, &format!("user add {USER} --email {USER}@example.org --json"))).await?;
    let name = answer.pointer("/user/name").and_then(Value::as_str);
    ensure!(name == Some(USER), "expected the answer to name {USER}, got {answer}");
    stage.good(&format!("{USER} is known to the server"));
    Ok(())
}

async fn hand_out_token(stage: &mut Stage<'_>) -> Result<Ticket> {
    #[derive(Deserialize)]
    struct Answer {
        token: Token,
        ticket: TicketAnswer,
    }
    #[derive(Deserialize)]
    struct Token {
        serial: String,
        state: String,
    }
    #[derive(Deserialize)]
    struct TicketAnswer {
        expires_at: String,
        online: Online,
    }
    #[derive(Deserialize)]
    struct Online {
        link: String,
        qr: String,
    }
    stage.step("The administrator hands out a token");
    stage.say(&format!("{USER} gets a ticket: a link, and the same as a QR for a phone's camera."));
    let command = admin(stage, &format!("token add {USER} --method online --label 'Work laptop' --json"));
    let Answer { token, ticket } = stage.run(&command).await?;
    ensure!(token.state == "activating", "expected a token that is activating, got {}", token.state);
    stage.draw_qr(&ticket.online.qr)?;
    stage.say(&ticket.online.link);
    stage.good(&format!("token {} waits for its activation, until {}", token.serial, ticket.expires_at));
    Ok(Ticket { serial: token.serial, link: ticket.online.link })
}

/// Answers the time step in which the token became active.
async fn activate(stage: &mut Stage<'_>, ticket: &Ticket) -> Result<u64> {
    stage.step(&format!("{USER} activates the soft token"));
    stage.say(
        "It is another process, with a folder of its own, and talks to the server over HTTPS. From the ticket both\n\
         halves make the same keys; neither sends one. A PIN locks them away on this side.",
    );
    let answer: Value = stage.run(&soft_token(stage, &format!("activate '{}'", ticket.link))).await?;
    let serial = answer.get("serial").or_else(|| answer.pointer("/token/serial")).and_then(Value::as_str);
    ensure!(serial == Some(&ticket.serial), "expected token {} to be activated, got {answer}", ticket.serial);
    let step = time_step();
    let kept: Value = stage.run(&admin(stage, &format!("token show {} --json", ticket.serial))).await?;
    let state = kept.pointer("/token/state").and_then(Value::as_str);
    ensure!(state == Some("active"), "expected the server to know the token as active, got {kept}");
    stage.good(&format!("token {} is active", ticket.serial));
    Ok(step)
}

async fn add_application(stage: &mut Stage<'_>, url: &str) -> Result<Application> {
    #[derive(Deserialize)]
    struct Answer {
        key: String,
    }
    stage.step("An application gets a key");
    stage.say("A web shop, a VPN, a door: whatever asks for codes. The server shows the key this once.");
    let answer: Answer = stage.run(&admin(stage, "application add shop --scope verify,challenge --json")).await?;
    let path = stage.path("server/authority.pem");
    let authority = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let application = Application::new(url, &authority, answer.key)?;
    stage.good(&format!(
        "shop may verify codes and ask for approvals; it trusts the server by {}",
        stage.shown("server/authority.pem")
    ));
    Ok(application)
}

async fn show_code(stage: &mut Stage<'_>) -> Result<Code> {
    stage.step(&format!("{USER} reads a code"));
    let code = read_code(stage).await?;
    stage.good(&format!("the token shows {}", code.code));
    Ok(code)
}

async fn read_code(stage: &Stage<'_>) -> Result<Code> {
    #[derive(Deserialize)]
    struct Answer {
        code: String,
    }
    // A code that a step's end overtakes is one of the step before; which of the two it is does not matter here.
    let step = time_step();
    let answer: Answer = stage.run(&soft_token(stage, "code")).await?;
    let code = answer.code;
    ensure!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "expected eight digits, got {code}");
    Ok(Code { code, step: step.max(time_step()) })
}

async fn accept(stage: &mut Stage<'_>, application: &Application, code: Code, activated: u64) -> Result<Code> {
    stage.step("The shop asks the server about the code");
    let code = if code.step <= activated {
        stage.say("The activation itself has used the code of that time step, and each counts once. So the next one:");
        stage.wait_for_step_after(activated).await;
        read_code(stage).await?
    } else {
        code
    };
    stage.say("It asks over HTTPS with its key. In a shell that is:");
    expect_accepted(stage, application, &code).await?;
    Ok(code)
}

async fn expect_accepted(stage: &Stage<'_>, application: &Application, code: &Code) -> Result<()> {
    stage.show(&application.shown(&stage.shown("server/authority.pem"), USER, &code.code));
    let (answer, verdict) = application.verify(USER, &code.code).await?;
    stage.answer(&answer);
    ensure!(verdict.result == "accepted", "expected the code to be accepted, got {answer}");
    stage.good(&format!("accepted: it is a code of token {}", verdict.token.unwrap_or_default()));
    Ok(())
}

async fn refuse_replay(stage: &mut Stage<'_>, application: &Application, code: &Code) -> Result<()> {
    stage.step("Someone looked over the shoulder and types the same code again");
    stage.show(&application.shown(&stage.shown("server/authority.pem"), USER, &code.code));
    let (answer, verdict) = application.verify(USER, &code.code).await?;
    stage.answer(&answer);
    ensure!(verdict.result == "refused", "expected the code to be refused, got {answer}");
    ensure!(verdict.reason() == "replayed", "expected the reason to be that it was replayed, got {answer}");
    stage.good("refused: a code counts once");
    Ok(())
}

async fn lock(stage: &mut Stage<'_>, application: &Application, code: &Code) -> Result<()> {
    stage.step("Someone guesses");
    stage.say(&format!("After {LOCKOUT_COUNT} failures in a row the server stops listening for a while."));
    let right: u64 = code.code.parse().context("a code is a number")?;
    // Far from the right code; that one is right at another step is less likely than one in ten thousand.
    let guesses: Vec<String> = (1..=LOCKOUT_COUNT as u64 + 1)
        .map(|guess| format!("{:08}", (right + 11_111_111 * guess) % 100_000_000))
        .collect();
    let ask = application.shown(&stage.shown("server/authority.pem"), USER, "'$CODE'");
    stage.show(&format!("for CODE in {}; do {ask}; done", guesses.join(" ")));
    for wrong in guesses {
        let (answer, verdict) = application.verify(USER, &wrong).await?;
        stage.answer(&format!("{wrong} → {answer}"));
        ensure!(verdict.result == "refused", "expected a wrong code to be refused, got {answer}");
        match (verdict.reason(), verdict.retry_at.as_deref()) {
            ("locked", Some(until)) => {
                stage.good(&format!("locked: no code of {USER} is looked at before {until}"));
                return Ok(());
            }
            ("wrong_code", _) => {}
            _ => anyhow::bail!("expected the reason wrong_code, or locked with retry_at, got {answer}"),
        }
    }
    anyhow::bail!("expected {USER} to be locked by now")
}

async fn unlock(stage: &mut Stage<'_>, ticket: &Ticket) -> Result<()> {
    stage.step(&format!("{USER} calls the help desk, and an administrator unlocks the token"));
    let _: Value = stage.run(&admin(stage, &format!("token unlock {} --json", ticket.serial))).await?;
    stage.good("unlocked");
    Ok(())
}

async fn accept_next(stage: &mut Stage<'_>, application: &Application, earlier: &Code) -> Result<()> {
    stage.step("The next code counts again");
    stage.say("A token shows a new code every 30 seconds, and the server takes no step twice.");
    stage.wait_for_step_after(earlier.step).await;
    let code = read_code(stage).await?;
    expect_accepted(stage, application, &code).await
}

async fn approve(stage: &mut Stage<'_>, application: &Application, ticket: &Ticket) -> Result<()> {
    #[derive(Deserialize)]
    struct Asked {
        id: String,
        mutual_challenge: String,
    }
    stage.step(&format!("{USER} pays, and the shop asks for an approval"));
    stage.say("The soft token shows what is to be paid, and to whom: what the server signed, and nothing else.");
    let challenge = json!({"user": USER, "kind": "approval", "transaction": {
        "summary": "Pay 12.50 EUR to Ana",
        "details": [{"name": "To", "value": "ES91 2100 0418"}, {"name": "Amount", "value": "12.50 EUR"}]}});
    let authority = stage.shown("server/authority.pem");
    stage.show(&application.shown_post(&authority, "/v1/challenges", &challenge.to_string()));
    let answer = application.ask(&challenge).await?;
    stage.answer(&answer.to_string());
    let Asked { id, mutual_challenge } = serde_json::from_value(answer).context("expected a mutual challenge")?;
    let own = format!("{} --home {} --key-store file", stage.program("symbolon"), stage.shown(USER));
    let asked: Value = stage.run(&format!("{own} requests --json")).await?;
    stage.answer(&asked.to_string());
    let summary = asked.pointer("/requests/0/transaction/summary").and_then(Value::as_str);
    ensure!(summary == Some("Pay 12.50 EUR to Ana"), "expected the soft token to show the payment, got {asked}");
    stage.say(&format!(
        "The shop's page shows {mutual_challenge}, and {USER} enters it: whoever did not start this payment can't confirm it."
    ));
    let confirm = soft_token(stage, &format!("confirm {id} --mutual-challenge {mutual_challenge}"));
    let decided: Value = stage.run(&confirm).await?;
    ensure!(decided.get("status").and_then(Value::as_str) == Some("confirmed"), "expected a yes, got {decided}");
    let outcome = application.outcome(&id).await?;
    let receipt = outcome.get("receipt").with_context(|| format!("expected a receipt, got {outcome}"))?;
    stage.say("The shop gets a receipt, which anyone can check without the server.");
    let path = stage.path("receipt.json");
    std::fs::write(&path, receipt.to_string()).with_context(|| format!("writing {}", path.display()))?;
    let identity = ticket.link.split(['?', '&']).find_map(|part| part.strip_prefix("k=")).unwrap_or_default();
    let receipt = stage.shown("receipt.json");
    let verify = format!("{} receipt verify {receipt} --identity={identity} --json", stage.program("symbolon"));
    let proof: Value = stage.run(&verify).await?;
    ensure!(proof.get("valid") == Some(&Value::Bool(true)), "expected a valid receipt, got {proof}");
    stage.good(&format!("confirmed: {USER}'s device signed this payment, opened with the PIN"));
    Ok(())
}

async fn forget_pin(stage: &mut Stage<'_>, ticket: &Ticket) -> Result<()> {
    #[derive(Deserialize)]
    struct Challenge {
        lock_challenge: String,
    }
    #[derive(Deserialize)]
    struct Code {
        unlock_code: String,
    }
    stage.step(&format!("{USER} forgets the PIN"));
    stage.say(
        "The soft token shows a challenge, and the help desk makes the code for it. That opens this one vault, on this\n\
         one device, once: for a new PIN.",
    );
    let own = format!("{} --home {} --key-store file", stage.program("symbolon"), stage.shown("alice"));
    let Challenge { lock_challenge } = stage.run(&format!("{own} unlock --json </dev/null")).await?;
    let made = stage.run(&admin(stage, &format!("token unlock-pin {} {lock_challenge} --json", ticket.serial))).await?;
    let Code { unlock_code } = made;
    let unlock = format!("{own} unlock --code-fd 3 --pin-fd 4 --json 3<<<{unlock_code} 4<<<{PIN}");
    let unlocked: Value = stage.run(&unlock).await?;
    let state = unlocked.get("state").and_then(Value::as_str);
    ensure!(state == Some("active"), "expected the token to be open again, got {unlocked}");
    stage.good("the token has its new PIN");
    Ok(())
}

async fn activate_without_network(stage: &mut Stage<'_>) -> Result<()> {
    #[derive(Deserialize)]
    struct Answer {
        token: Token,
        ticket: TicketAnswer,
    }
    #[derive(Deserialize)]
    struct Token {
        serial: String,
    }
    #[derive(Deserialize)]
    struct TicketAnswer {
        offline: Offline,
    }
    #[derive(Deserialize)]
    struct Offline {
        qr: String,
        password: String,
    }
    #[derive(Deserialize)]
    struct Shown {
        registration_code: String,
        code: String,
    }
    stage.step(&format!("{USER} has a second device, which has no network"));
    stage.say("Its ticket has two parts, which go different ways: a QR, and a password.");
    let made = stage.run(&admin(stage, &format!("token add {USER} --method offline --label Vault --json"))).await?;
    let Answer { token: Token { serial }, ticket: TicketAnswer { offline: Offline { qr, password } } } = made;
    stage.say(
        "The device speaks to nobody. It shows ten digits and a code, and its person reads them to the help desk.",
    );
    let own = format!("{} --home {} --key-store file", stage.program("symbolon"), stage.shown("vault"));
    let activate =
        format!("{own} activate --offline '{qr}' --password-fd 3 --pin-fd 4 --json 3<<<'{password}' 4<<<{PIN}");
    let Shown { registration_code, code } = stage.run(&activate).await?;
    let complete = format!("token complete {serial} --registration-code {registration_code} --code {code} --json");
    let kept: Value = stage.run(&admin(stage, &complete)).await?;
    let state = kept.pointer("/token/state").and_then(Value::as_str);
    ensure!(state == Some("active"), "expected the token to be active, got {kept}");
    stage.good(&format!("token {serial} is active: both sides have the same keys, and no message passed between them"));
    Ok(())
}

async fn verify_audit(stage: &mut Stage<'_>) -> Result<()> {
    stage.step("What happened is on record");
    stage.say("Each entry of the audit is chained to the one before, so a change of the past is found.");
    let answer: Value = stage.run(&admin(stage, "audit verify --json")).await?;
    stage.answer(&answer.to_string());
    stage.good("the chain holds");
    Ok(())
}

async fn open_console(stage: &mut Stage<'_>) -> Result<String> {
    #[derive(Deserialize)]
    struct Answer {
        link: String,
    }
    stage.step("The administrator goes on in a browser");
    stage.say("The console does what the commands do. Its first sign-in is by a link, which counts once.");
    let Answer { link } = stage.run(&admin(stage, "administrator add ada --role owner --json")).await?;
    stage.good("ada may sign in");
    Ok(link)
}

/// What to try next. Told once, nobody is there to try it, so it is tried here: what is suggested works.
async fn suggest(stage: &Stage<'_>, application: &Application, link: &str, once: bool) -> Result<String> {
    let authority = stage.shown("server/authority.pem");
    let read = soft_token(stage, "code").replace(" --json", "");
    // Between two quotations, so that the shell puts the code in.
    let verify = application.shown(&authority, USER, "'$CODE'");
    let suggestions = [
        ("A code of the soft token:", read),
        (
            "The same, verified by the shop (a code counts once, so wait for the next if it is refused):",
            format!("CODE=$({} | grep -oE '[0-9]{{8}}'); {verify}", soft_token(stage, "code")),
        ),
        (
            "The soft token's own view:",
            format!("{} --home {} --key-store file status", stage.program("symbolon"), stage.shown("alice")),
        ),
        ("A second token for alice:", admin(stage, &format!("token add {USER} --method online"))),
        ("Shorter codes for tokens that are activated from now on:", admin(stage, "policy set code_length=6")),
        ("Everything that happened:", admin(stage, "audit export")),
        ("What else an administrator can do:", format!("{} admin --help", stage.program("symbolon-server"))),
        (
            "The interface that applications use:",
            format!("curl --cacert {authority} {}/openapi.json", application.url()),
        ),
    ];
    if once {
        stage.say("\nWhat is suggested for the end of the story works, too:");
        let has_curl = stage.shell("command -v curl").await.is_ok();
        for (_, command) in suggestions.iter().filter(|(_, command)| has_curl || !command.contains("curl ")) {
            stage.show(command);
            stage.shell(command).await.context("trying what is suggested at the end")?;
        }
        return Ok(String::new());
    }
    let suggestions: String = suggestions.iter().map(|(what, command)| stage.suggestion(what, command)).collect();
    Ok(format!(
        "\nThe server keeps running until Ctrl-C. The console is open, by this link, which counts once:\n  {link}\n\
         The browser warns of the certificate: its authority is {authority}, which this server made for itself.\n\
         In another terminal, in {}:\n{suggestions}",
        stage.root()
    ))
}
