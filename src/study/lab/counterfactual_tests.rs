//! The dial where the best change within a ball is known.

use super::*;
use crate::joint::GaussianMixture;
use crate::picture::Shape;

const SHAPE: Shape = Shape::new(1, 1, 2);
const MEANS: [[f64; 2]; 2] = [[0.35, 0.4], [0.65, 0.6]];
const VARIANCE: f64 = 0.01;
const SIGMA: f32 = 0.02;
/// More bits than there are to lose.
const ANY: f64 = 1e6;

fn two() -> GaussianMixture {
    let with = |m: GaussianMixture, class: usize| m.with(class, 1.0, MEANS[class].to_vec(), VARIANCE);
    with(with(GaussianMixture::new(SHAPE, 2), 0), 1)
}

fn request(tolerance: f64, radii: &[f64]) -> DialRequest {
    let picture = Picture::new(SHAPE, vec![0.33, 0.55]);
    DialRequest { picture, target: 1, radii: radii.to_vec(), tolerance, sigma: SIGMA, steps: 120 }
}

fn turned(request: &DialRequest) -> Dial {
    dial(&two(), request, &Cancel::new(), &mut |_, _| ()).unwrap()
}

fn unit(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    let d = [b[0] - a[0], b[1] - a[1]];
    let length = d[0].hypot(d[1]);
    [d[0] / length, d[1] / length]
}

fn start() -> [f64; 2] {
    let values = request(1.0, &[0.1]).picture.into_values();
    [f64::from(values[0]), f64::from(values[1])]
}

/// `log p_σ(v)` and the log-odds of class 1, up to a constant that depends on neither.
fn closed_form(v: [f64; 2]) -> (f64, f64) {
    let total = VARIANCE + f64::from(SIGMA).powi(2);
    let part = |m: [f64; 2]| -((v[0] - m[0]).powi(2) + (v[1] - m[1]).powi(2)) / (2.0 * total);
    let [a, b] = MEANS.map(part);
    (a.max(b) + (-(a - b).abs()).exp().ln_1p(), b - a)
}

/// Points of the disc around `x`, dense at its edge too.
fn disc(x: [f64; 2], radius: f64) -> impl Iterator<Item = [f64; 2]> {
    let at = move |r: usize, k: usize| {
        let (length, angle) = (radius * r as f64 / 150.0, std::f64::consts::TAU * k as f64 / 1440.0);
        [x[0] + length * angle.cos(), x[1] + length * angle.sin()]
    };
    (0..=150).flat_map(move |r| (0..1440).map(move |k| at(r, k)))
}

fn of(turned: &Turned) -> [f64; 2] {
    [0, 1].map(|k| f64::from(turned.picture.values()[k]))
}

#[test]
fn where_any_loss_is_tolerated_it_goes_straight_across_the_boundary() {
    let (x, way) = (start(), unit(MEANS[0], MEANS[1]));
    // The log-odds rise along the line between the means, everywhere.
    for position in turned(&request(ANY, &[0.05, 0.12, 0.2])).positions {
        assert!((position.tolerated.distance - position.radius).abs() < 1e-5, "{}", position.tolerated.distance);
        let found = of(&position.tolerated);
        for k in 0..2 {
            let off = (found[k] - x[k] - position.radius * way[k]).abs();
            assert!(off < 2e-3, "{}: off by {off}", position.radius);
        }
        let off = (0..2).map(|k| (found[k] - of(&position.plain)[k]).abs()).fold(0.0, f64::max);
        assert!(off < 2e-3, "plain descent goes there too, not {off} off");
    }
}

#[test]
fn with_a_floor_it_lies_where_a_scan_of_the_disc_finds_the_most_of_the_class_above_the_floor() {
    let x = start();
    for (tolerance, radius) in [(0.0, 0.1), (0.0, 0.2), (0.4, 0.1), (0.4, 0.15)] {
        let floor = closed_form(x).0 - tolerance * std::f64::consts::LN_2;
        let above = |v: &[f64; 2]| closed_form(*v).0 >= floor;
        let best =
            disc(x, radius).filter(above).max_by(|a, b| closed_form(*a).1.total_cmp(&closed_form(*b).1)).unwrap();
        let position = turned(&request(tolerance, &[radius])).positions.swap_remove(0);
        let found = of(&position.tolerated);
        // The floor decides: straight across would lie below it.
        let straight = unit(MEANS[0], MEANS[1]);
        assert!(!above(&[x[0] + radius * straight[0], x[1] + radius * straight[1]]), "{tolerance} {radius}");
        assert!(
            position.tolerated.bits_lost.unwrap() <= tolerance + 1e-9 && position.tolerated.distance <= radius + 1e-6
        );
        let (most, odds) = (closed_form(best).1, closed_form(found).1);
        let all = most - closed_form(x).1;
        assert!((odds - most).abs() < 0.01 * all, "{tolerance} {radius}: log-odds {odds} not {most}, of {all} gained");
    }
}

#[test]
fn what_plain_descent_reaches_is_reached_with_the_fewest_bits_where_the_floor_would_not_have_it() {
    // Near the mean there is no way to the other class that loses nothing.
    let (across, radius) = (unit(MEANS[0], MEANS[1]), 0.23);
    let x = [MEANS[0][0] - 0.03 * across[1], MEANS[0][1] + 0.03 * across[0]];
    let picture = Picture::new(SHAPE, x.iter().map(|v| *v as f32).collect());
    let found = turned(&DialRequest { picture, ..request(0.0, &[0.05, radius]) });
    let [short, long] = [&found.positions[0], &found.positions[1]];
    assert!(!short.plain.is(1) && !short.tolerated.is(1) && short.tolerated.bits_lost.unwrap() <= 1e-9);
    assert!(long.plain.is(1) && long.tolerated.is(1));
    let there = disc(x, radius).filter(|v| closed_form(*v).1 > 0.0).map(|v| closed_form(v).0);
    let fewest = (closed_form(x).0 - there.fold(f64::NEG_INFINITY, f64::max)) / std::f64::consts::LN_2;
    let (lost, plain) = (long.tolerated.bits_lost.unwrap(), long.plain.bits_lost.unwrap());
    assert!(fewest > 0.5 && (lost - fewest).abs() < 0.01 && lost < plain - 0.03, "{lost} not {fewest}; plain {plain}");
}

#[test]
fn the_smallest_change_is_the_distance_to_the_boundary_and_bits_are_those_of_the_density() {
    let x = start();
    let way = unit(MEANS[0], MEANS[1]);
    let middle = [0.5 * (MEANS[0][0] + MEANS[1][0]), 0.5 * (MEANS[0][1] + MEANS[1][1])];
    let distance = (middle[0] - x[0]) * way[0] + (middle[1] - x[1]) * way[1];
    assert!(distance > 0.05);
    let found = turned(&request(ANY, &DialRequest::evenly(0.3, 6)));
    let smallest = found.smallest.clone().unwrap();
    assert!((smallest.distance - distance).abs() < 2e-3, "{} not {distance}", smallest.distance);
    let log = |v: &[f32]| closed_form([f64::from(v[0]), f64::from(v[1])]).0;
    let clean = request(0.0, &[0.1]).picture;
    for turned in found.positions.iter().flat_map(|p| [&p.tolerated, &p.plain]).chain([&smallest]) {
        let truth = (log(clean.values()) - log(turned.picture.values())) / std::f64::consts::LN_2;
        assert!((turned.bits_lost.unwrap() - truth).abs() < 1e-4, "{:?} not {truth}", turned.bits_lost);
    }
    // With the density's say the same length costs fewer bits.
    let with = turned(&request(0.0, &[0.2])).positions.swap_remove(0);
    assert!(with.tolerated.bits_lost < with.plain.bits_lost && with.tolerated.is(1));
    assert!((with.tolerated.distance - with.plain.distance).abs() < 1e-4);
}

#[test]
fn what_is_no_dial_is_refused_and_it_stops_when_it_is_told() {
    let refused = |option: &str, change: &dyn Fn(&mut DialRequest)| {
        let mut request = request(1.0, &[0.1]);
        change(&mut request);
        let message = dial(&two(), &request, &Cancel::new(), &mut |_, _| ()).unwrap_err().to_string();
        assert!(message.starts_with(option), "{message}");
    };
    refused("--target", &|r| r.target = 2);
    refused("--positions", &|r| r.radii.clear());
    refused("--radius", &|r| r.radii = vec![f64::NAN]);
    refused("--tolerance", &|r| r.tolerance = -1.0);
    refused("--steps", &|r| r.steps = 0);
    refused("--sigma", &|r| r.sigma = 0.0);
    let cancel = Cancel::new();
    cancel.raise();
    assert!(matches!(dial(&two(), &request(1.0, &[0.1]), &cancel, &mut |_, _| ()), Err(Error::Cancelled)));
    let one = GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![0.5; 2], 0.01);
    let alone = DialRequest { target: 0, ..request(1.0, &[0.1]) };
    assert!(dial(&one, &alone, &Cancel::new(), &mut |_, _| ()).unwrap_err().to_string().contains("denoiser"));
}
