//! QR codes as pictures in a page.

use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};

use super::layout::Failure;

/// A QR as SVG, dark on light in every colour scheme, since scanners want it so.
pub(super) fn svg(text: &str) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|_| Failure::bad("This ticket is too long for a QR."))?;
    let picture = code.render::<Color<'_>>().dark_color(Color("#000")).light_color(Color("#fff")).build();
    // The declaration of an XML file has no place within a page.
    let start = picture.find("<svg").unwrap_or_default();
    Ok(picture.get(start..).unwrap_or_default().to_owned())
}
