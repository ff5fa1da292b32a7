//! A camera: reads the QR in a picture.

use std::io::Cursor;

/// The text of the QR in a PNG; `None` when there is none that can be read.
pub(crate) fn read(picture: &[u8]) -> Option<String> {
    let mut decoder = png::Decoder::new(Cursor::new(picture));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let (width, height, samples) = (frame.width as usize, frame.height as usize, frame.color_type.samples());
    // The QR is black on white, so one sample of a pixel tells as much as all.
    let brightness = |x: usize, y: usize| pixels[y * frame.line_size + x * samples];
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, brightness);
    picture.detect_grids().first().map(|grid| grid.decode().unwrap().1)
}
