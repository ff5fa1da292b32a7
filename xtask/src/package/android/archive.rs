//! Zip files, as Android wants them: without times, what is mapped into memory stored and aligned.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The largest page of a phone's processor: a library begins at one, to be mapped as it lies.
pub(crate) const PAGE: u16 = 16_384;

/// One that is being written.
pub(super) struct Archive(ZipWriter<File>);

impl Archive {
    pub(super) fn create(path: &Path) -> Result<Self> {
        Ok(Self(ZipWriter::new(File::create(path).with_context(|| format!("writing {}", path.display()))?)))
    }

    /// Adds bytes, compressed.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write(name, bytes, options(CompressionMethod::Deflated))
    }

    /// Adds a file, compressed.
    pub(super) fn add_file(&mut self, name: &str, path: &Path) -> Result<()> {
        self.add(name, &std::fs::read(path).with_context(|| format!("reading {}", path.display()))?)
    }

    /// Adds a library for a processor, to be mapped.
    pub(super) fn add_library(&mut self, abi: &str, file: &str, bytes: &[u8]) -> Result<()> {
        let options = options(CompressionMethod::Stored).with_android_alignment(PAGE);
        self.write(&format!("lib/{abi}/{file}"), bytes, options)
    }

    /// Adds what is in another: what is stored there is stored here, and aligned to words.
    pub(super) fn add_all(&mut self, path: &Path) -> Result<()> {
        let mut other = open(path)?;
        for index in 0..other.len() {
            let mut entry = other.by_index(index)?;
            let (name, method) = (entry.name()?.into_owned(), entry.compression());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            drop(entry);
            let options = match method {
                CompressionMethod::Stored => options(method).with_android_alignment(4),
                _ => options(CompressionMethod::Deflated),
            };
            self.write(&name, &bytes, options)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        self.0.finish()?;
        Ok(())
    }

    fn write(&mut self, name: &str, bytes: &[u8], options: SimpleFileOptions) -> Result<()> {
        self.0.start_file(name, options)?;
        Ok(self.0.write_all(bytes)?)
    }
}

/// The same sources make the same bytes: no times.
fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(method).last_modified_time(DateTime::default())
}

/// One to be read.
pub(crate) fn open(path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    ZipArchive::new(file).with_context(|| format!("reading {}", path.display()))
}

/// Every file in one, in its order.
pub(crate) fn read_all(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = open(path)?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if !entry.is_dir() {
            files.push((entry.name()?.into_owned(), bytes));
        }
    }
    Ok(files)
}
