//! What products with second derivatives share, and that what they share is never another forward pass's.

use std::sync::atomic::Ordering;

use super::super::Jobs;
use crate::engine::{Directions, Passes};
use crate::kernels::engine::body::Body;
use crate::kernels::engine::tests::{architecture, checkpoint, pooled};
use crate::kernels::engine::{graph, stages};
use crate::kernels::simd::Level;
use crate::kernels::tests::noise;
use crate::network::Architecture;

const PICTURE: usize = 3 * 8 * 10;
const SIZE: (usize, usize) = (8, 10);

fn jobs<B: Body>(architecture: Architecture) -> Jobs<B> {
    let checkpoint = checkpoint(3, architecture);
    let program = checkpoint.description.program();
    Jobs::new(Level::best(), &program, &checkpoint.weights(&program).unwrap()).unwrap()
}

/// How many passes of values and of cotangents there were so far.
fn passes<B: Body>(jobs: &Jobs<B>) -> [usize; 2] {
    let common = jobs.body.common();
    [&common.rises, &common.falls].map(|count| count.load(Ordering::Relaxed))
}

fn directions_share_the_forward_pass_and_the_pullback<B: Body>(architecture: Architecture) {
    let jobs = jobs::<B>(architecture);
    let tape = jobs.forward(&noise(1, PICTURE), SIZE, &[0.2]).unwrap();
    let curved = |each: usize, logits: &[f32]| {
        let (density, along) = (vec![1.0; each], noise(2, each * PICTURE));
        let asked = Directions { density: &density, logits, follows: false, along: &along };
        let mut out = vec![f32::NAN; each * PICTURE];
        assert!(tape.curvature(&asked, &mut out).unwrap());
        out
    };
    let weights = [0.5, -0.25, 0.75];
    let many = curved(21, &weights.repeat(21));
    assert_eq!(passes(&jobs), [1, 1], "one forward pass and one pullback for all directions");
    // One after another, they are the same, and still share them.
    let one = curved(1, &weights);
    assert_eq!(passes(&jobs), [1, 2], "another layout of the memory asks once more");
    assert_eq!(curved(1, &weights), one);
    assert_eq!(passes(&jobs), [1, 2]);
    let largest = one.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    assert!(one.iter().zip(&many).all(|(a, b)| (a - b).abs() < 1e-5 * largest));
    // Other weights have a pullback of their own.
    let other = curved(1, &[0.0, 1.0, 0.0]);
    assert!(other != one && passes(&jobs) == [1, 3]);
}

#[test]
fn directions_of_stages_share_the_forward_pass_and_the_pullback() {
    directions_share_the_forward_pass_and_the_pullback::<stages::Engine>(architecture(
        (4, 2),
        &[8, 16],
        &[1, 1],
        &[1, 2],
    ));
}

#[test]
fn directions_of_a_graph_share_the_forward_pass_and_the_pullback() {
    directions_share_the_forward_pass_and_the_pullback::<graph::Engine>(pooled((4, 2), &[8, 16], &[1, 1], &[1, 2]));
}

#[test]
fn a_forward_pass_in_memory_that_was_used_is_as_good_as_one_in_new_memory() {
    let new = || jobs::<stages::Engine>(architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let curved = |jobs: &Jobs<stages::Engine>, stream: u64| {
        let tape = jobs.forward(&noise(stream, PICTURE), SIZE, &[0.2]).unwrap();
        let along = noise(9, PICTURE);
        let asked = Directions { density: &[1.0], logits: &[0.5, 0.0, 0.5], follows: false, along: &along };
        let mut out = vec![f32::NAN; PICTURE];
        tape.curvature(&asked, &mut out).unwrap();
        out
    };
    let used = new();
    let before = curved(&used, 1);
    let after = curved(&used, 2);
    assert!(before != after && after == curved(&new(), 2), "the picture before shows through");
}
