//! Frames: a JSON header and a payload of numbers, each with its length before it.

use std::io::{self, ErrorKind, Read};

use serde_json::Value;

/// What every frame begins with.
const MAGIC: [u8; 4] = *b"DNSC";
/// The most bytes of a header: the names of a hundred thousand classes.
const MOST_HEADER: u32 = 1 << 22;
/// The most bytes of a payload.
pub(super) const MOST_PAYLOAD: u64 = 1 << 31;

/// A message in either direction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// What it is about: an object.
    pub header: Value,
    /// Numbers, little-endian.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The bytes that go over the wire.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is larger than a reader takes.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let header = self.header.to_string();
        let (long, payload) = (header.len() as u64, self.payload.len() as u64);
        if long > u64::from(MOST_HEADER) || payload > MOST_PAYLOAD {
            let reason = format!("{payload} bytes in one message, and the bridge carries {MOST_PAYLOAD}");
            return Err(io::Error::new(ErrorKind::InvalidInput, reason));
        }
        let mut bytes = Vec::with_capacity(16 + header.len() + self.payload.len());
        bytes.extend(MAGIC);
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(payload.to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(&self.payload);
        Ok(bytes)
    }

    /// Writes it, whole.
    ///
    /// # Errors
    /// Those of the writer, and of [`Self::bytes`].
    #[cfg(test)]
    pub fn write(&self, to: &mut impl io::Write) -> io::Result<()> {
        to.write_all(&self.bytes()?)
    }

    /// Reads one frame; none at the stream's end. Memory is taken as the bytes come, not as the frame claims.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] if the stream ends within it, [`ErrorKind::InvalidData`] if it is none.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut start = [0; 16];
        loop {
            match from.read(&mut start[..1]) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        from.read_exact(&mut start[1..])?;
        let (magic, rest) = start.split_at(4);
        let (long, payload) = rest.split_at(4);
        let long = u32::from_le_bytes(long.try_into().unwrap_or_default());
        let payload = u64::from_le_bytes(payload.try_into().unwrap_or_default());
        if magic != MAGIC {
            return Err(invalid("something else than the bridge writes to its standard output"));
        }
        if long > MOST_HEADER || payload > MOST_PAYLOAD {
            return Err(invalid("a message is larger than the bridge carries"));
        }
        let header = exactly(from, u64::from(long))?;
        let header: Value =
            serde_json::from_slice(&header).map_err(|_| invalid("a message has no JSON at its head"))?;
        if !header.is_object() {
            return Err(invalid("a message has no JSON object at its head"));
        }
        Ok(Some(Self { header, payload: exactly(from, payload)? }))
    }
}

/// So many bytes.
fn exactly(from: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    // What is usual is had at once; more is taken as it comes.
    let mut bytes = Vec::with_capacity(count.min(1 << 24) as usize);
    from.take(count).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == count { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

/// Numbers as bytes, one batch after another.
pub(super) fn singles(parts: &[&[f32]]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * parts.iter().map(|part| part.len()).sum::<usize>()];
    let mut rest = bytes.as_chunks_mut::<4>().0;
    for part in parts {
        let (own, others) = rest.split_at_mut(part.len());
        own.iter_mut().zip(*part).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
        rest = others;
    }
    bytes
}

/// Single-precision numbers, if the bytes are so many of them.
pub(super) fn read_singles(bytes: &[u8], count: usize) -> Option<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    (numbers.len() == count && rest.is_empty()).then(|| numbers.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

/// Double-precision numbers, if the bytes are so many of them.
pub(super) fn read_doubles(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    (numbers.len() == count && rest.is_empty()).then(|| numbers.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame() -> Frame {
        Frame { header: json!({"op": "forward", "id": 7}), payload: singles(&[&[1.0, -0.5], &[f32::NAN]]) }
    }

    #[test]
    fn a_frame_comes_back_and_another_may_follow() {
        let mut bytes = Vec::new();
        frame().write(&mut bytes).unwrap();
        frame().write(&mut bytes).unwrap();
        let mut stream = bytes.as_slice();
        for _ in 0..2 {
            let read = Frame::read(&mut stream).unwrap().unwrap();
            assert_eq!(read, frame());
            let numbers = read_singles(&read.payload, 3).unwrap();
            assert!(numbers[..2] == [1.0, -0.5] && numbers[2].is_nan());
        }
        assert!(Frame::read(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_refused() {
        let whole = frame().bytes().unwrap();
        for length in 1..whole.len() {
            let error = Frame::read(&mut &whole[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut to {length}");
        }
    }

    #[test]
    fn hostile_frames_are_refused_before_memory_is_taken() {
        let start = |magic: &[u8], header: u32, payload: u64, rest: &[u8]| -> Vec<u8> {
            [magic, &header.to_le_bytes(), &payload.to_le_bytes(), rest].concat()
        };
        for (words, bytes) in [
            ("something else", b"Epoch 1: loss 0.5\nEpoch 2".to_vec()),
            ("larger", start(b"DNSC", u32::MAX, 0, b"")),
            ("larger", start(b"DNSC", 2, u64::MAX, b"{}")),
            ("no JSON at", start(b"DNSC", 2, 0, b"{]")),
            ("no JSON object", start(b"DNSC", 2, 0, b"[]")),
            ("no JSON at", start(b"DNSC", 2, 0, b"\xff\xfe")),
            ("no JSON at", start(b"DNSC", 0, 0, b"")),
        ] {
            let error = Frame::read(&mut bytes.as_slice()).unwrap_err();
            assert!(error.kind() == ErrorKind::InvalidData && error.to_string().contains(words), "{words}: {error}");
        }
        // A claim of two GiB with nothing behind it takes no more than what is usual.
        let claim = start(b"DNSC", 2, MOST_PAYLOAD, b"{}abc");
        let error = Frame::read(&mut claim.as_slice()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn any_single_byte_that_is_changed_breaks_no_reader() {
        let whole = frame().bytes().unwrap();
        for at in 0..whole.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                // Refused, or another frame: it neither panics nor waits.
                let _ = Frame::read(&mut bytes.as_slice());
            }
        }
    }

    #[test]
    fn numbers_are_counted() {
        assert_eq!(read_singles(&[0; 8], 2), Some(vec![0.0; 2]));
        assert_eq!(read_singles(&[0; 9], 2), None);
        assert_eq!(read_singles(&[0; 8], 3), None);
        assert_eq!(read_doubles(&[0; 16], 2), Some(vec![0.0; 2]));
        assert_eq!(read_doubles(&[0; 12], 1), None);
    }
}
