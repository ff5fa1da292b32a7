//! Where checkpoints of the audit go: to the log, and to a file in a folder that is not the database's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::config::Audit;
use crate::service::Service;
use crate::service::checkpoints::SignedCheckpoint;

/// The file with all checkpoints, one a line, the last one last.
const FILE: &str = "checkpoints.jws";

/// Makes a checkpoint and writes it down; `None` when nothing is in the audit yet. Answers also the file, if there is one.
///
/// # Errors
/// When it can't be made or written.
pub(crate) fn write(service: &Service, config: &Audit) -> anyhow::Result<Option<(SignedCheckpoint, Option<PathBuf>)>> {
    let Some(checkpoint) = service.checkpoint()? else { return Ok(None) };
    let file = config.checkpoints.as_ref().map(|folder| folder.join(FILE));
    if let Some(file) = &file {
        // The line goes out by one write at the end of the file, and is on disk before anybody is told.
        let append = || -> std::io::Result<()> {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut opened = OpenOptions::new().append(true).create(true).open(file)?;
            opened.write_all(format!("{}\n", checkpoint.checkpoint).as_bytes())?;
            opened.sync_all()
        };
        append().with_context(|| format!("the checkpoint can't be written to {}", file.display()))?;
    }
    Ok(Some((checkpoint, file)))
}

/// Writes checkpoints for as long as the server runs: now, and whenever the audit has grown after some time.
pub(crate) async fn keep(service: Service, config: Audit) {
    let mut last = 0;
    loop {
        if service.store.read(|snapshot| snapshot.audit_head()).ok().flatten().is_some_and(|head| head.sequence > last)
        {
            let (service, config) = (service.clone(), config.clone());
            match tokio::task::spawn_blocking(move || write(&service, &config)).await {
                Ok(Ok(Some((SignedCheckpoint { sequence, checkpoint }, _)))) => {
                    last = sequence;
                    tracing::info!(sequence, checkpoint, "checkpoint of the audit");
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::error!(error = %format!("{error:#}"), "no checkpoint of the audit"),
                Err(error) => tracing::error!(%error, "no checkpoint of the audit"),
            }
        }
        tokio::time::sleep(Duration::from_secs(config.checkpoint_every.into())).await;
    }
}
