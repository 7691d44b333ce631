//! Sizes, strides and grids that no caller here would give: the kernels are safe to call with them, so they must refuse
//! each before any value is read or written out of bounds, or by two threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::activation::{Film, Norm, Tape, Target};
use super::conv::{self, Form, Weights};
use super::layout::{Filter, Frame, Pair};
use super::outer::{Outer, accumulate};
use super::product::{Grid, Panels, Product, Tap, multiply};
use super::readout::Readout;
use super::simd::Level;
use super::winograd::{self, Size};

/// Twice this is 0 where it wraps.
const HALF: usize = 1 << (usize::BITS - 1);
/// Sixteen times this is 0 where it wraps.
const SIXTEENTH: usize = 1 << (usize::BITS - 4);

/// Asserts that `work` panics with a message that holds `words`.
fn refuses(words: &str, what: &str, work: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err(what);
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    };
    assert!(message.contains(words), "{what}: {message:?} does not say {words:?}");
}

/// One after the other, 16 values each: 6 rows fill 96 values.
const PLAIN: Grid = Grid { width: 3, height: 2, origin: 0, x: 16, y: 48, n: 96 };
const INSIDE: &str = "slice";
const OVERLAP: &str = "must not overlap";

fn product(left_grid: Grid, out_grid: Grid, rows: usize, tap: Tap) {
    let values = vec![1.0; 96];
    for level in Level::available() {
        let weights = Panels::pack_rows(level, [1, 16, 16], &[1.0; 256]);
        let product = Product { left: &values, left_grid, rows, taps: &[tap], weights: &weights, out_grid, add: true };
        multiply(&product, &mut [0.0; 96]);
    }
}

const FIRST: Tap = Tap { rows: 0, weights: 0 };

#[test]
fn grids_that_leave_their_slice_are_refused() {
    let grids = [
        ("a step that wraps", Grid { x: HALF, ..PLAIN }),
        ("a line that wraps", Grid { y: HALF + 1, ..PLAIN }),
        ("a picture that wraps", Grid { height: 1, n: usize::MAX - 90, ..PLAIN }),
        ("an origin that wraps", Grid { origin: usize::MAX - 15, ..PLAIN }),
        ("an origin beyond", Grid { origin: 1, ..PLAIN }),
        ("no pixel a line", Grid { width: 0, ..PLAIN }),
        ("no line a picture", Grid { height: 0, ..PLAIN }),
        ("one row too far", Grid { y: 64, ..PLAIN }),
    ];
    product(PLAIN, PLAIN, 6, FIRST);
    for (what, grid) in grids {
        refuses(INSIDE, what, || product(grid, PLAIN, 6, FIRST));
        refuses(INSIDE, what, || product(PLAIN, grid, 6, FIRST));
        let values = vec![1.0; 96];
        let sums = |left: Grid, right: Grid| {
            let outer = Outer { left: (&values, left), inputs: 16, right: (&values, right), outputs: 16, rows: 6 };
            accumulate(Level::best(), &outer, &mut vec![0.0; 256]);
        };
        sums(PLAIN, PLAIN);
        refuses(INSIDE, what, || sums(grid, PLAIN));
        refuses(INSIDE, what, || sums(PLAIN, grid));
    }
    refuses(INSIDE, "more rows than there are", || product(PLAIN, PLAIN, 7, FIRST));
    refuses(INSIDE, "rows without end", || product(PLAIN, PLAIN, usize::MAX, FIRST));
    refuses(INSIDE, "a tap that wraps", || product(PLAIN, PLAIN, 6, Tap { rows: usize::MAX - 8, ..FIRST }));
    refuses("in the panels", "weights beyond", || product(PLAIN, PLAIN, 6, Tap { weights: 1, ..FIRST }));
    refuses("in the panels", "weights that wrap", || product(PLAIN, PLAIN, 6, Tap { weights: usize::MAX, ..FIRST }));
}

#[test]
fn rows_of_a_result_that_overlap_are_refused() {
    let grids = [
        ("all rows in one place", Grid { x: 0, y: 0, n: 0, ..PLAIN }),
        ("rows that share values", Grid { x: 8, ..PLAIN }),
        ("lines that share values", Grid { y: 32, ..PLAIN }),
        ("pictures in one place", Grid { height: 1, n: 0, ..PLAIN }),
    ];
    for (what, grid) in grids {
        refuses(OVERLAP, what, || product(PLAIN, grid, 6, FIRST));
    }
    // What is read may overlap, as the taps of a convolution do, and an axis that is not used may have any step.
    product(Grid { x: 8, ..PLAIN }, Grid { width: 6, y: 0, n: 0, ..PLAIN }, 6, FIRST);
}

#[test]
fn matrices_whose_size_wraps_are_refused() {
    let level = Level::best();
    refuses("overflow", "weights", || drop(Panels::pack_rows(level, [SIXTEENTH, 1, 16], &[])));
    refuses("whole padded", "a ragged matrix", || drop(Panels::pack_rows(level, [1, 1, 15], &[0.0; 15])));
    refuses("overflow", "filters", || drop(Filter::zeros([HALF, HALF, 3])));
    let values = [1.0; 96];
    let outer = |inputs, outputs| {
        let outer = Outer { left: (&values, PLAIN), inputs, right: (&values, PLAIN), outputs, rows: 6 };
        accumulate(level, &outer, &mut []);
    };
    refuses("overflow", "sums", || outer(SIXTEENTH, 16));
    refuses("whole padded", "sums without room", || outer(16, 16));
}

#[test]
fn pictures_that_leave_their_slice_are_refused() {
    let level = Level::best();
    let filter = Filter::zeros([16, 16, 3]);
    let huge = [
        ("lines", Frame { height: SIXTEENTH, width: 1, channels: 16 }),
        ("columns", Frame { height: 1, width: SIXTEENTH, channels: 16 }),
        ("pixels", Frame { height: HALF / 4, width: 4, channels: 16 }),
        ("no room", Frame::new(5, 5, 16)),
    ];
    for (what, frame) in huge {
        for size in [Size::Two, Size::Four] {
            let weights = Weights::new(level, Form::Winograd(size), &filter);
            refuses(INSIDE, what, || conv::convolve(&weights, frame, 1, &[0.0; 64], &mut [0.0; 64], false));
        }
        let pair = Pair { framed: &[0.0; 64], cotangents: &[0.0; 64], pictures: 1 };
        refuses("", what, || drop(winograd::filter_gradient(level, frame, 16, &[pair])));
        let norm = Norm { frame, channels: 16, group: 8 };
        let film = Film { values: &[0.0; 32], stride: 0, start: 0 };
        let forward = || norm.forward(level, 1, &[0.0; 64], film, &mut Tape::default(), &mut [0.0; 64]);
        refuses(INSIDE, what, forward);
        for residual in [false, true] {
            let mut room = [0.0; 64];
            let room = Some(&mut room[..]);
            let (residual, framed) = if residual { (room, None) } else { (None, room) };
            let pull = || norm.pullback(level, 1, |_| 0, &Tape::default(), &[0.0; 64], Target { residual, framed });
            refuses("", what, pull);
        }
    }
    let frame = Frame::new(4, 4, 16);
    let (one, weights) = (vec![0.0; frame.len()], Weights::new(level, Form::Winograd(Size::Two), &filter));
    let run = |pictures, room| conv::convolve(&weights, frame, pictures, &one, &mut vec![0.0; room], false);
    run(1, frame.dense());
    refuses("room", "no room for the result", || run(1, frame.dense() - 16));
    refuses(INSIDE, "more pictures than there are", || run(HALF, frame.dense()));
    // Loads of whole vectors would run beyond channels that are not padded.
    let ragged = Filter { inputs: 5, values: vec![0.0; 9 * 5 * 16], ..filter };
    refuses("padded", "ragged filter", || drop(Weights::new(level, Form::Winograd(Size::Two), &ragged)));
    let frame = Frame { height: 1, width: 1, channels: 5 };
    let pair = Pair { framed: &[0.0; 1000], cotangents: &[0.0; 1000], pictures: 1 };
    refuses("padded", "ragged frame", || drop(winograd::filter_gradient(level, frame, 16, &[pair])));
}

#[test]
fn readouts_whose_size_wraps_are_refused() {
    let readout = Readout::new(Level::best(), 16, &[0.0; 256], &[0.0; 256]);
    let run = |pixels: usize, pictures: usize| {
        readout.forward(pixels, &[0.0; 64], (&[0.0; 16], 0, 0), &mut [0.0; 64], &mut vec![0.0; pictures]);
    };
    run(2, 1);
    refuses("room", "pixels without room", || run(3, 1));
    refuses("overflow", "pixels that wrap", || run(SIXTEENTH + 1, 16));
}
