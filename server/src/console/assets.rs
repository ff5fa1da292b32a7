//! The style and the script, served from the binary under addresses that change with their contents, so that browsers
//! keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use symbolon_core::keys::sha256;

use super::layout::Failure;

struct Asset {
    path: String,
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, text: &'static str) -> Self {
        let hash = HEXLOWER.encode(sha256(text.as_bytes()).first_chunk::<8>().unwrap_or(&[0; 8]));
        Self { path: format!("/console/static/{stem}-{hash}.{extension}"), content_type, text }
    }
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("static/style.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("static/script.js")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("static/icon.svg")));

static ENCODER: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("qr", "js", "text/javascript; charset=utf-8", include_str!("static/qrcode-generator.js"))
});
static ACTIVATE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("activate", "js", "text/javascript; charset=utf-8", include_str!("static/activate.js"))
});

/// The address of what makes QR codes in the browser.
pub(super) fn encoder() -> &'static str {
    &ENCODER.path
}

/// The address of the script of `/activate`.
pub(super) fn activate() -> &'static str {
    &ACTIVATE.path
}

/// The address of the style.
pub(super) fn style() -> &'static str {
    &STYLE.path
}

/// The address of the script.
pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

/// The address of the icon.
pub(super) fn icon() -> &'static str {
    &ICON.path
}

/// Serves one of them.
pub(super) async fn serve(Path(file): Path<String>) -> Result<Response, Failure> {
    let assets = [&*STYLE, &*SCRIPT, &*ICON, &*ENCODER, &*ACTIVATE];
    let asset = assets.into_iter().find(|asset| asset.path.rsplit('/').next() == Some(file.as_str()));
    let asset = asset.ok_or_else(|| Failure::missing("file"))?;
    let headers =
        [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text).into_response())
}
