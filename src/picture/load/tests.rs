//! Every kind of file that is read, and every kind that is refused, made here byte by byte or by the formats' encoders.

use image::codecs::gif::GifEncoder;
use image::{Frame, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// The formats that are written for these tests, all but GIF without loss or nearly so.
const FORMATS: [ImageFormat; 6] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif];

fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn read(bytes: &[u8]) -> Loaded {
    decode(bytes, Path::new("a picture.png")).expect("decoded")
}

/// The message with which the file is refused: one line that begins with the file's name.
fn refusal(bytes: &[u8]) -> String {
    let message = decode(bytes, Path::new("a picture.png")).expect_err("refused").to_string();
    assert!(message.starts_with("a picture.png: ") && !message.contains('\n'), "{message}");
    message
}

/// A smooth colour picture that every format keeps about as it is.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([60 + (x % 64) as u8, 90 + (y % 64) as u8, 200]))
}

fn close(picture: &Picture, values: &[f32], tolerance: f32) {
    let worst = picture.values().iter().zip(values).fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(
        picture.values().len() == values.len() && worst <= tolerance,
        "{} values, the worst off by {worst}",
        values.len()
    );
}

#[test]
fn every_format_is_read_by_content() {
    let scene = scene(21, 15);
    let truth: Vec<f32> =
        (0..3).flat_map(|c| scene.pixels().map(move |p| f32::from(p.0[c]) / 255.0).collect::<Vec<_>>()).collect();
    for format in FORMATS {
        let loaded = read(&file(scene.clone(), format));
        assert_eq!((loaded.bits, loaded.turned, loaded.transparent), (8, false, false), "{format:?}");
        assert_eq!(loaded.picture.shape(), Shape::new(3, 15, 21), "{format:?}");
        // GIF has 256 colours, JPEG loses a little.
        let lossy = matches!(format, ImageFormat::Gif | ImageFormat::Jpeg);
        close(&loaded.picture, &truth, if lossy { 0.08 } else { 0.0 });
        assert!(loaded.describe().contains("21×15, RGB"), "{}", loaded.describe());
    }
}

#[test]
fn the_extension_does_not_matter() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["wrong.jpg", "none", "odd.txt"] {
        let path = folder.path().join(name);
        fs::write(&path, file(scene(5, 4), ImageFormat::Png)).expect("written");
        assert_eq!(load(&path).expect("loaded").format, "PNG");
    }
}

#[test]
fn grey_alpha_and_sixteen_bits() {
    let grey = read(&file(GrayImage::from_pixel(2, 1, Luma([51])), ImageFormat::Png));
    close(&grey.picture, &[0.2; 2], 0.0);
    assert_eq!(read(&file(GrayImage::new(9, 9), ImageFormat::Jpeg)).picture.shape().channels, 1);

    let half = ImageBuffer::<LumaA<u8>, _>::from_raw(2, 1, vec![0, 51, 102, 255]).expect("two pixels");
    let half = read(&file(half, ImageFormat::Png));
    assert!(half.transparent && half.describe().contains("over white"), "{}", half.describe());
    close(&half.picture, &[0.8, 0.4], 1e-6);

    let clear = RgbaImage::from_raw(2, 1, vec![255, 0, 0, 0, 255, 0, 0, 255]).expect("two pixels");
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let clear = read(&file(clear.clone(), format));
        assert!(clear.transparent);
        close(&clear.picture, &[1.0, 1.0, 1.0, 0.0, 1.0, 0.0], 0.0);
    }
    assert!(!read(&file(RgbaImage::from_pixel(3, 3, Rgba([9, 9, 9, 255])), ImageFormat::Png)).transparent);

    let deep = ImageBuffer::<Rgb<u16>, _>::from_raw(1, 1, vec![65535_u16, 32768, 1]).expect("a pixel");
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let deep = read(&file(deep.clone(), format));
        assert_eq!(deep.bits, 16);
        close(&deep.picture, &[1.0, 32768.0 / 65535.0, 1.0 / 65535.0], 1e-7);
    }
    let float = ImageBuffer::<Rgb<f32>, _>::from_raw(1, 1, vec![1.5_f32, 0.25, f32::NAN]).expect("a pixel");
    let float = read(&file(float, ImageFormat::Tiff));
    assert_eq!(float.bits, 32);
    close(&float.picture, &[1.0, 0.25 / 1.5, 0.0], 1e-7);
    assert!(float.describe().contains("up to 1.5, scaled by this"), "{}", float.describe());
}

#[test]
fn only_the_first_frame_of_a_gif() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for value in [0, 255, 128] {
        encoder
            .encode_frame(Frame::new(RgbaImage::from_pixel(4, 4, Rgba([value, value, value, 255]))))
            .expect("a frame");
    }
    drop(encoder);
    let loaded = read(&bytes);
    assert!(loaded.describe().contains("first frame"), "{}", loaded.describe());
    assert!(loaded.picture.values().iter().all(|&v| v == 0.0));
}

/// A JPEG file with an EXIF segment of nothing but an orientation.
fn oriented(orientation: u8) -> Vec<u8> {
    let picture = RgbImage::from_fn(16, 8, |x, _| Rgb([if x < 8 { 255 } else { 0 }; 3]));
    let plain = file(picture, ImageFormat::Jpeg);
    let tiff =
        [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
    let body = [b"Exif\0\0".as_slice(), &tiff].concat();
    [&plain[..2], &[0xFF, 0xE1], &(body.len() as u16 + 2).to_be_bytes(), &body, &plain[2..]].concat()
}

#[test]
fn exif_orientation_is_applied_and_told() {
    let upright = read(&oriented(1));
    assert!(!upright.turned && upright.picture.at(0, 4, 0) > 0.9 && upright.picture.at(0, 4, 15) < 0.1);
    // 6: the camera was held so that the picture's top is the file's left side.
    let turned = read(&oriented(6));
    assert!(turned.turned && turned.describe().contains("EXIF"), "{}", turned.describe());
    assert_eq!(turned.picture.shape(), Shape::new(3, 16, 8));
    assert!(turned.picture.at(0, 0, 4) > 0.9 && turned.picture.at(0, 15, 4) < 0.1);
    assert_eq!(read(&oriented(77)).picture, upright.picture, "nonsense is ignored");
}

/// An 8×8 JPEG of one colour in four channels, in Adobe's inverted CMYK. Its tables are the smallest there are: a DC code of
/// four bits for each size, and one AC code of one bit, for the end of the block.
fn cmyk(ink: [u8; 4]) -> Vec<u8> {
    let mut bits = Vec::new();
    let mut write = |value: i32, count: u32| bits.extend((0..count).rev().map(|bit| (value >> bit & 1) as u8));
    for level in ink {
        let dc = i32::from(255 - level) - 128;
        let size = 32 - dc.unsigned_abs().leading_zeros();
        write(size as i32, 4);
        write(if dc < 0 { dc + (1 << size) - 1 } else { dc }, size);
        write(0, 1);
    }
    let scan = bits.chunks(8).map(|byte| (0..8).fold(0, |sum, i| sum << 1 | byte.get(i).unwrap_or(&1)));
    let segment =
        |marker: u8, body: &[u8]| [&[0xFF, marker], (body.len() as u16 + 2).to_be_bytes().as_slice(), body].concat();
    let components = |tail: fn(u8) -> Vec<u8>| (1..=4).flat_map(tail).collect::<Vec<u8>>();
    let mut jpeg = vec![0xFF, 0xD8];
    jpeg.extend(segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"));
    jpeg.extend(segment(0xDB, &[&[0][..], &[8; 64]].concat()));
    jpeg.extend(segment(0xC0, &[&[8, 0, 8, 0, 8, 4][..], &components(|id| vec![id, 0x11, 0])].concat()));
    let dc_codes = [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    jpeg.extend(segment(0xC4, &[&[0x00][..], &dc_codes, &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat()));
    jpeg.extend(segment(0xC4, &[&[0x10][..], &[1], &[0; 15], &[0]].concat()));
    jpeg.extend(segment(0xDA, &[&[4][..], &components(|id| vec![id, 0]), &[0, 63, 0]].concat()));
    jpeg.extend(scan.flat_map(|byte: u8| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }));
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

#[test]
fn cmyk_becomes_rgb() {
    for (ink, colour) in [
        ([0, 0, 0, 0], [1.0, 1.0, 1.0]),
        ([0, 255, 255, 0], [1.0, 0.0, 0.0]),
        ([255, 0, 0, 0], [0.0, 1.0, 1.0]),
        ([0, 0, 0, 255], [0.0, 0.0, 0.0]),
        ([0, 102, 204, 51], [0.8, 0.48, 0.16]),
    ] {
        let loaded = read(&cmyk(ink));
        assert_eq!(loaded.picture.shape(), Shape::new(3, 8, 8));
        let found = [0, 1, 2].map(|c| loaded.picture.at(c, 3, 3));
        assert!(found.iter().zip(&colour).all(|(a, b)| (a - b).abs() < 0.02), "{ink:?}: {found:?} for {colour:?}");
    }
}

#[test]
fn empty_and_foreign_files_are_refused() {
    assert!(refusal(b"").contains("is empty"));
    for foreign in [b"x".as_slice(), b"%PDF-1.7 and so on", b"<svg/>", &[0; 1000], b"GIF", b"\x89PNG", b"qoif----"] {
        let message = refusal(foreign);
        assert!(
            message.contains("not a picture") || message.contains("damaged") || message.contains("cut short"),
            "{message}"
        );
    }
}

#[test]
fn folders_and_missing_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = load(folder.path()).expect_err("a folder").to_string();
    assert!(error.contains("is a folder"), "{error}");
    let missing = folder.path().join("missing.png");
    let error = load(&missing).expect_err("nothing there");
    assert!(matches!(&error, Error::Io { path, .. } if *path == missing), "{error}");
}

/// A PNG file's signature and header; the checksum of a header is checked before its contents are.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [b"IHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&header);
    let idat = b"\0\0\0\0IDAT\x35\xAF\x06\x1E";
    [b"\x89PNG\r\n\x1A\n\0\0\0\x0D".as_slice(), &header, &crc.sum().to_be_bytes(), idat].concat()
}

fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let sizes = [40, width, height].map(i32::to_le_bytes).concat();
    [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0".as_slice(), &sizes, b"\x01\0\x18\0", &[0; 24]].concat()
}

fn gif_header(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [b"GIF89a".as_slice(), &size, b"\0\0\0", b"\x2C\0\0\0\0", &size, b"\0\x02\x02\x4C\x01\0\x3B"].concat()
}

fn tiff_header(width: u32, height: u32) -> Vec<u8> {
    let entries: [(u16, u32); 9] = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, width.wrapping_mul(height)),
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(b"\x04\0\x01\0\0\0");
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

fn webp_header(width: u32, height: u32) -> Vec<u8> {
    // A lossless bit stream begins with its signature and 14 bits each of width − 1 and height − 1.
    let size = (width - 1) | (height - 1) << 14;
    let body = [b"WEBPVP8L\x08\0\0\0\x2F".as_slice(), &size.to_le_bytes(), &[0; 3]].concat();
    [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat()
}

fn jpeg_header(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = cmyk([0; 4]);
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn gigapixel_headers_are_refused_before_memory_is_taken() {
    for (format, bytes) in [
        ("PNG", png_header(50_000, 50_000)),
        ("PNG", png_header(0x7FFF_FFFF, 0x7FFF_FFFF)),
        ("BMP", bmp_header(50_000, 50_000)),
        ("GIF", gif_header(u16::MAX, u16::MAX)),
        ("TIFF", tiff_header(50_000, 50_000)),
        ("WebP", webp_header(16_000, 16_000)),
        ("JPEG", jpeg_header(u16::MAX, u16::MAX)),
    ] {
        let message = refusal(&bytes);
        assert!(message.contains("megapixels") || message.contains("too much memory"), "{format}: {message}");
    }
    assert!(refusal(&png_header(50_000, 50_000)).contains("1024 megapixels"));
    assert!(refusal(&bmp_header(12_000, 9_000)).contains("64 megapixels"));
}

#[test]
fn pictures_without_pixels_are_refused() {
    for bytes in
        [png_header(0, 0), png_header(0, 5), bmp_header(0, 0), gif_header(0, 0), tiff_header(0, 0), jpeg_header(0, 0)]
    {
        let message = refusal(&bytes);
        assert!(["pixels", "damaged", "cut short", "kind"].iter().any(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_or_whole() {
    for format in FORMATS {
        let bytes = file(scene(40, 30), format);
        let whole = read(&bytes);
        for end in 1..bytes.len() {
            match decode(&bytes[..end], Path::new("cut")) {
                Ok(loaded) => {
                    // Only what comes after the last pixel may be missed without harm.
                    assert!(end + 24 > bytes.len(), "{format:?} cut at {end} of {}", bytes.len());
                    assert_eq!(loaded.picture, whole.picture, "{format:?} cut at {end} of {}", bytes.len());
                }
                Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
            }
        }
    }
}

#[test]
fn damaged_files_never_panic() {
    let mut draws = [0.0; 3];
    for format in FORMATS {
        let bytes = file(scene(24, 18), format);
        for round in 0..400 {
            let mut damaged = bytes.clone();
            crate::picture::normals::uniforms(round, 0, 0, &mut draws);
            // Mostly in the head, where sizes and tables are.
            let at = (draws[0].powi(2) * damaged.len() as f32) as usize;
            damaged[at] = (draws[1] * 256.0) as u8;
            if let Ok(loaded) = decode(&damaged, Path::new("damaged")) {
                assert!(loaded.picture.values().iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }
}

/// What is read where no more than `most` pixels may be held.
fn within(bytes: &[u8], most: u64) -> Result<Loaded> {
    decode_within(bytes, Path::new("a picture.png"), most)
}

/// The means over squares of `times` by `times` pixels of one plane.
fn means(picture: &Picture, channel: usize, times: usize) -> Vec<f32> {
    let Shape { height, width, .. } = picture.shape();
    let mut values = Vec::new();
    for y in (0..height).step_by(times) {
        for x in (0..width).step_by(times) {
            let square = (y..(y + times).min(height)).flat_map(|y| (x..(x + times).min(width)).map(move |x| (y, x)));
            let square: Vec<f32> = square.map(|(y, x)| picture.at(channel, y, x)).collect();
            values.push(square.iter().sum::<f32>() / square.len() as f32);
        }
    }
    values
}

#[test]
fn what_is_too_large_is_read_smaller() {
    let colour = scene(41, 30);
    let clear = RgbaImage::from_fn(41, 30, |x, y| Rgba([200, (6 * x) as u8, 30, (8 * y) as u8]));
    let deep = ImageBuffer::<Rgb<u16>, _>::from_fn(41, 30, |x, y| Rgb([1000 * x as u16, 2000 * y as u16, 77]));
    let grey = GrayImage::from_fn(41, 30, |x, y| Luma([(5 * x + y) as u8]));
    let files = [
        (file(colour.clone(), ImageFormat::Png), 0.0),
        (file(clear.clone(), ImageFormat::Png), 0.0),
        (file(deep.clone(), ImageFormat::Png), 0.0),
        (file(grey.clone(), ImageFormat::Png), 0.0),
        (file(colour.clone(), ImageFormat::Tiff), 0.0),
        (file(clear, ImageFormat::Tiff), 0.0),
        (file(deep, ImageFormat::Tiff), 0.0),
        (file(grey.clone(), ImageFormat::Tiff), 0.0),
        // A JPEG is made smaller by its coefficients, which is no mean but near it in smooth pictures.
        (file(grey, ImageFormat::Jpeg), 0.02),
        (file(scene(40, 30), ImageFormat::Jpeg), 0.04),
    ];
    for (bytes, tolerance) in files {
        let whole = read(&bytes);
        for (most, times) in [(400, 2), (100, 4)] {
            let smaller = within(&bytes, most).expect("read smaller");
            let shape = whole.picture.shape();
            let words = format!("read at 1/{times} of its {}×{} pixels", shape.width, shape.height);
            assert!(smaller.describe().contains(&words), "{}", smaller.describe());
            assert_eq!((smaller.bits, smaller.transparent), (whole.bits, whole.transparent));
            assert_eq!((smaller.scale as usize, whole.scale), (times, 1));
            let truth: Vec<f32> = (0..shape.channels).flat_map(|c| means(&whole.picture, c, times)).collect();
            close(&smaller.picture, &truth, tolerance + 1e-5);
        }
        assert!(within(&bytes, 30).expect_err("too large").to_string().contains("megapixels that are read"));
    }
    assert!(within(&file(scene(41, 30), ImageFormat::Bmp), 400).is_err());
    let turned = decode_within(&oriented(6), Path::new("held upright"), 40).expect("read smaller");
    assert!(turned.turned && turned.picture.shape() == Shape::new(3, 8, 4));
}

#[test]
fn large_files_that_are_cut_or_damaged_are_refused_or_read() {
    let mut draws = [0.0; 2];
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff] {
        let bytes = file(scene(40, 30), format);
        assert!(within(&bytes[..bytes.len() / 2], 400).is_err(), "{format:?}");
        for round in 0..200 {
            let mut damaged = bytes.clone();
            crate::picture::normals::uniforms(round, 1, 0, &mut draws);
            let at = (draws[0].powi(2) * damaged.len() as f32) as usize;
            damaged[at] = (draws[1] * 256.0) as u8;
            if let Ok(loaded) = within(&damaged, 400) {
                assert!(loaded.picture.values().iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }
}
