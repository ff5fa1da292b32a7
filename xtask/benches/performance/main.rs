//! What `cargo xtask bench` runs: everything is measured in one run on one machine, and set against what that machine
//! can do at most. Ratios travel from machine to machine, times do not; nothing here is ever asserted.
//!
//! `docs/performance.md` says in words what each result is.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person at the terminal")]

mod activation;
mod approval;
mod code;
mod commit;
mod library;
mod load;
mod machine;
mod nothing;
mod pages;
mod phone;
mod postgres;
mod report;
mod server;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;

use crate::commit::Disk;
use crate::machine::Machine;
use crate::report::Report;
use crate::server::Server;
use crate::verify::Members;

/// The numbers of connections that ask at the same time.
const CLIENTS: [usize; 4] = [1, 8, 32, 128];

/// What the disk allows: the reference for verifications.
const COMMIT: &str = "sqlite_one_row_commit";

/// What the HTTP stack allows, under as many clients as count most.
const NOTHING: &str = "http_do_nothing_c32";

/// So many tokens are many.
const MANY: usize = 1_000_000;

/// As many as take PostgreSQL some seconds one by one.
const FEW: usize = 10_000;

/// What PostgreSQL allows: the reference for verifications on it.
const UPDATE: &str = "pgbench_one_row_update";

/// Measures Symbolon on this machine.
#[derive(Debug, Parser)]
struct CommandLine {
    /// The server's program
    #[arg(long)]
    server: Option<PathBuf>,
    /// The library for apps
    #[arg(long)]
    library: Option<PathBuf>,
    /// The program that starts a soft token, built as for phones
    #[arg(long)]
    start: Option<PathBuf>,
    /// Where databases and the like are made for the time being
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Only results whose names begin so
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many tokens the server knows
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// A file for the results as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// The page whose table is written anew
    #[arg(long)]
    page: Option<PathBuf>,
    /// Be the endpoint that does nothing; what this program starts another time
    #[arg(long, hide = true)]
    nothing: bool,
    /// What cargo adds when it runs a benchmark itself
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    // The HTTP client brings none of its own. It was never installed before in this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = if command_line.nothing { nothing::serve() } else { measure(&command_line) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(command_line: &CommandLine) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-").rand_bytes(4).tempdir_in(&command_line.folder)?;
    let machine = Machine::describe(folder.path());
    println!("{machine}\n");
    let mut report = Report::new(&command_line.only);

    code::measure(&mut report)?;
    if report.wants("http_do_nothing") {
        measure_nothing(&mut report)?;
    }
    let mut disk = Disk::new(folder.path())?;
    if ["verify_sqlite", "verify_wrong", "activation", "memory", "startup", "import", "page"]
        .iter()
        .any(|group| report.wants(group))
    {
        let program = command_line.server.as_deref().context("--server names the server's program")?;
        measure_server(&mut report, program, folder.path().join("server"), command_line.tokens, &mut disk)?;
    } else if report.wants(COMMIT) {
        disk.burst()?;
        report.add(COMMIT, disk.per_second()?, "1/s");
    }

    if ["approval", "es256", "wake_up", "waiting"].iter().any(|group| report.wants(group)) {
        let program = command_line.server.as_deref().context("--server names the server's program")?;
        approval::measure(&mut report, program, folder.path().join("approvals"))?;
    }
    if report.wants("phone_library") {
        let library = command_line.library.as_deref().context("--library names the library for apps")?;
        library::measure_size(&mut report, library, folder.path())?;
    }
    if report.wants("phone_start") {
        let program = command_line.start.as_deref().context("--start names the program that starts a soft token")?;
        library::measure_start(&mut report, program, folder.path())?;
    }
    if ["verify_postgres", "import_postgres", UPDATE, "verify_sqlite_1m"].iter().any(|group| report.wants(group)) {
        let program = command_line.server.as_deref().context("--server names the server's program")?;
        let mut postgres = if ["verify_postgres", "import_postgres", UPDATE].iter().any(|group| report.wants(group)) {
            measure_postgres(&mut report, program, folder.path(), command_line.tokens)?
        } else {
            None
        };
        if report.wants("verify_sqlite_1m_c32") || report.wants("verify_postgres_1m_c32") {
            measure_many(&mut report, program, folder.path().join("many"), postgres.as_mut())?;
        }
    }

    println!("\n{}", report.table());
    if let Some(path) = &command_line.json {
        let text = serde_json::to_string_pretty(&report.to_json(&machine))?;
        std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &command_line.page {
        report.write_page(path, &machine)?;
        println!("{} is written", path.display());
    }
    Ok(())
}

fn measure_nothing(report: &mut Report) -> Result<()> {
    let endpoint = nothing::Endpoint::start()?;
    let requests = Arc::new(Mutex::new(nothing::Requests::new()));
    for clients in CLIENTS {
        let name = format!("http_do_nothing_c{clients}");
        if report.wants(&name) {
            report.progress(&format!("an endpoint that does nothing, {clients} clients"));
            let outcome = load::run(endpoint.address, clients, &requests)?;
            report.add_load(&name, &outcome, None);
        }
    }
    Ok(())
}

fn measure_server(report: &mut Report, program: &Path, folder: PathBuf, tokens: usize, disk: &mut Disk) -> Result<()> {
    report.progress(&format!("{tokens} tokens are imported"));
    let database = server::Database::new(program, folder);
    // The first start makes the keys and the tables; what is measured later is an ordinary start.
    database.start()?.stop()?;
    let (members, per_second) = Members::import(&database, tokens)?;
    if report.wants("import") {
        report.add("import", per_second, "1/s");
    }

    if report.wants("startup") {
        report.progress("start of the server on this database");
        report.add("startup", database.time_to_ready(11)?, "ms");
    }
    let server = database.start()?;
    if report.wants("memory_at_rest") {
        report.progress("memory of the server at rest");
        std::thread::sleep(Duration::from_secs(2));
        report.add("memory_at_rest", server.memory("VmRSS")?, "MB");
    }
    measure_verification(report, &database, &server, members, disk)?;
    pages::measure(report, &database, &server)?;
    activation::measure(report, &database, &server)?;
    if report.wants("memory_under_load") && report.wants("verify_sqlite_c128") {
        report.add("memory_under_load", server.memory("VmHWM")?, "MB");
    }
    server.stop()
}

/// The same on PostgreSQL, beside the most that it does by itself. Answers it, where it is installed.
fn measure_postgres(
    report: &mut Report,
    program: &Path,
    folder: &Path,
    tokens: usize,
) -> Result<Option<postgres::Postgres>> {
    let Some(mut postgres) = postgres::Postgres::start()? else {
        println!("PostgreSQL is not installed: what is measured on it is left out");
        return Ok(None);
    };
    if report.wants("import_postgres") {
        report.progress(&format!("{FEW} tokens are imported into PostgreSQL"));
        let database = server::Database::on(program, folder.join("filled"), postgres.database("import")?);
        database.start()?.stop()?;
        report.add("import_postgres", Members::import(&database, FEW)?.1, "1/s");
    }
    report.progress(&format!("{tokens} tokens move to PostgreSQL"));
    let database = server::Database::new(program, folder.join("node"));
    database.start()?.stop()?;
    let (members, _) = Members::import(&database, tokens)?;
    let database = database.move_to(postgres.database("bench")?)?;
    postgres.analyze("bench")?;
    let server = database.start()?;
    let requests = members.requests(&database.add_application("bench")?);
    let mut outcomes = Vec::new();
    postgres.burst()?;
    for clients in CLIENTS {
        let name = format!("verify_postgres_c{clients}");
        if report.wants(&name) {
            report.progress(&format!("verification of right codes on PostgreSQL, {clients} clients"));
            outcomes.push((name, load::run(server.address, clients, &requests)?));
            postgres.burst()?;
        }
    }
    if report.wants("verify_postgres_spread_c32") {
        report.progress("the same of users who are no neighbours, 32 clients");
        requests.lock().unwrap_or_else(PoisonError::into_inner).spread();
        outcomes.push(("verify_postgres_spread_c32".into(), load::run(server.address, 32, &requests)?));
        postgres.burst()?;
    }
    report.add(UPDATE, postgres.per_second()?, "1/s");
    for (name, outcome) in outcomes {
        report.add_load(&name, &outcome, Some(UPDATE));
    }
    server.stop()?;
    Ok(Some(postgres))
}

/// The same with many tokens: first on SQLite, then on PostgreSQL, to which the installation moves.
fn measure_many(
    report: &mut Report,
    program: &Path,
    folder: PathBuf,
    postgres: Option<&mut postgres::Postgres>,
) -> Result<()> {
    report.progress(&format!("{MANY} tokens are imported"));
    let database = server::Database::new(program, folder);
    database.start()?.stop()?;
    let (members, per_second) = Members::import(&database, MANY)?;
    if report.wants("import_1m") {
        report.add("import_1m", per_second, "1/s");
    }
    let requests = members.requests(&database.add_application("bench")?);
    if report.wants("verify_sqlite_1m_c32") {
        report.progress(&format!("verification of right codes of {MANY} tokens, 32 clients"));
        let server = database.start()?;
        let outcome = load::run(server.address, 32, &requests)?;
        report.add_load("verify_sqlite_1m_c32", &outcome, Some("verify_sqlite_c32"));
        server.stop()?;
    }
    if let Some(postgres) = postgres.filter(|_| report.wants("verify_postgres_1m_c32")) {
        report.progress("these move to PostgreSQL");
        let begun = Instant::now();
        let database = database.move_to(postgres.database("many")?)?;
        report.add("move_1m", MANY as f64 / begun.elapsed().as_secs_f64(), "1/s");
        postgres.analyze("many")?;
        report.progress(&format!("verification of right codes of {MANY} tokens on PostgreSQL, 32 clients"));
        let server = database.start()?;
        let outcome = load::run(server.address, 32, &requests)?;
        report.add_load("verify_postgres_1m_c32", &outcome, Some("verify_postgres_c32"));
        server.stop()?;
    }
    Ok(())
}

fn measure_verification(
    report: &mut Report,
    database: &server::Database,
    server: &Server,
    members: Members,
    disk: &mut Disk,
) -> Result<()> {
    if !report.wants("verify_sqlite") && !report.wants("verify_wrong") && !report.wants(COMMIT) {
        return Ok(());
    }
    let requests = members.requests(&database.add_application("bench")?);
    let mut outcomes = Vec::new();
    disk.burst()?;
    for clients in CLIENTS {
        let name = format!("verify_sqlite_c{clients}");
        if report.wants(&name) {
            report.progress(&format!("verification of right codes, {clients} clients"));
            outcomes.push((name, load::run(server.address, clients, &requests)?));
            disk.burst()?;
        }
    }
    if report.wants("verify_sqlite_spread_c32") {
        report.progress("the same of users who are no neighbours, 32 clients");
        requests.lock().unwrap_or_else(PoisonError::into_inner).spread();
        outcomes.push(("verify_sqlite_spread_c32".into(), load::run(server.address, 32, &requests)?));
        disk.burst()?;
    }
    // The reference comes first, though it is known last.
    report.add(COMMIT, disk.per_second()?, "1/s");
    for (name, outcome) in outcomes {
        report.add_load(&name, &outcome, Some(COMMIT));
        if name == "verify_sqlite_c32" && report.has(NOTHING) {
            report.add_against("verify_sqlite_c32_of_http", outcome.per_second, "1/s", NOTHING);
        }
    }
    if report.wants("verify_wrong_c32") {
        report.progress("verification of wrong codes, 32 clients");
        requests.lock().unwrap_or_else(PoisonError::into_inner).right = false;
        report.add_load("verify_wrong_c32", &load::run(server.address, 32, &requests)?, Some("verify_sqlite_c32"));
    }
    Ok(())
}
