//! The dial where the best change within a ball is known.

use super::*;
use crate::joint::GaussianMixture;
use crate::picture::Shape;

const SHAPE: Shape = Shape::new(1, 1, 2);
const MEANS: [[f64; 2]; 2] = [[0.35, 0.4], [0.65, 0.6]];
const VARIANCE: f64 = 0.01;

fn two() -> GaussianMixture {
    let with = |m: GaussianMixture, class: usize| m.with(class, 1.0, MEANS[class].to_vec(), VARIANCE);
    with(with(GaussianMixture::new(SHAPE, 2), 0), 1)
}

fn request(tolerance: f64, radii: &[f64]) -> DialRequest {
    let picture = Picture::new(SHAPE, vec![0.33, 0.55]);
    DialRequest { picture, target: 1, radii: radii.to_vec(), tolerance, levels: (0.2, 0.02), steps: 120 }
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

#[test]
fn with_the_density_it_goes_straight_to_the_classs_mean_and_without_straight_across_the_boundary() {
    let x = start();
    // log p(x', t) is −‖x' − m_t‖²/2v: straight to the mean. log p(t | x') rises along the line between the means.
    for (tolerance, way) in [(1.0, unit(x, MEANS[1])), (0.0, unit(MEANS[0], MEANS[1]))] {
        for position in turned(&request(tolerance, &[0.05, 0.12, 0.2])).positions {
            let found = position.tolerated;
            assert!((found.distance - position.radius).abs() < 1e-5, "{}", found.distance);
            for k in 0..2 {
                let truth = x[k] + position.radius * way[k];
                let off = (f64::from(found.picture.values()[k]) - truth).abs();
                assert!(off < 2e-3, "{tolerance}, {}: off by {off}", position.radius);
            }
        }
    }
    // Beyond the mean there is nothing to gain.
    let far = &turned(&request(1.0, &[0.6])).positions[0].tolerated;
    let off = far.picture.values().iter().zip(MEANS[1]).map(|(v, m)| (f64::from(*v) - m).abs()).fold(0.0, f64::max);
    assert!(off < 0.02, "{off}");
}

#[test]
fn in_between_it_lies_where_a_scan_of_the_circle_finds_it() {
    let (tolerance, radius) = (0.3, 0.15);
    let found = turned(&request(tolerance, &[radius])).positions.swap_remove(0).tolerated;
    let at = |angle: f64| {
        let x = start();
        let y = vec![(x[0] + radius * angle.cos()) as f32, (x[1] + radius * angle.sin()) as f32];
        let model = two();
        let forward = model.forward(&Batch::of([&Picture::new(SHAPE, y)]), &[0.02]).unwrap();
        let joint = forward.log_joint_of(0);
        joint[1] + (tolerance - 1.0) * log_density(joint)
    };
    let best =
        (0..7200).map(|k| std::f64::consts::TAU * f64::from(k) / 7200.0).max_by(|a, b| at(*a).total_cmp(&at(*b)));
    let angle = best.unwrap();
    let x = start();
    let values = found.picture.values();
    let found = (f64::from(values[1]) - x[1]).atan2(f64::from(values[0]) - x[0]);
    let off = (found - angle).rem_euclid(std::f64::consts::TAU);
    assert!(off.min(std::f64::consts::TAU - off) < 0.03, "{found} not {angle}");
}

#[test]
fn the_smallest_change_is_the_distance_to_the_boundary_and_bits_are_those_of_the_density() {
    let x = start();
    let way = unit(MEANS[0], MEANS[1]);
    let middle = [0.5 * (MEANS[0][0] + MEANS[1][0]), 0.5 * (MEANS[0][1] + MEANS[1][1])];
    let distance = (middle[0] - x[0]) * way[0] + (middle[1] - x[1]) * way[1];
    assert!(distance > 0.05);
    let found = turned(&request(0.0, &DialRequest::evenly(0.3, 6)));
    let smallest = found.smallest.clone().unwrap();
    assert!((smallest.distance - distance).abs() < 2e-3, "{} not {distance}", smallest.distance);
    let log = |v: &[f32]| {
        let total = VARIANCE + f64::from(found.levels.1).powi(2);
        let part = |m: [f64; 2]| {
            (-((f64::from(v[0]) - m[0]).powi(2) + (f64::from(v[1]) - m[1]).powi(2)) / (2.0 * total)).exp()
        };
        (part(MEANS[0]) + part(MEANS[1])).ln()
    };
    let clean = request(0.0, &[0.1]).picture;
    for turned in found.positions.iter().flat_map(|p| [&p.tolerated, &p.plain]).chain([&smallest]) {
        let truth = (log(clean.values()) - log(turned.picture.values())) / std::f64::consts::LN_2;
        assert!((turned.bits_lost.unwrap() - truth).abs() < 1e-4, "{:?} not {truth}", turned.bits_lost);
    }
    // With the density's say the same length costs fewer bits, or gains some.
    let with = turned(&request(1.0, &[0.2])).positions.swap_remove(0);
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
    refused("--least", &|r| r.levels = (0.1, 0.2));
    refused("--from", &|r| r.levels = (0.0, 0.2));
    let cancel = Cancel::new();
    cancel.raise();
    assert!(matches!(dial(&two(), &request(1.0, &[0.1]), &cancel, &mut |_, _| ()), Err(Error::Cancelled)));
    let one = GaussianMixture::new(SHAPE, 1).with(0, 1.0, vec![0.5; 2], 0.01);
    let alone = DialRequest { target: 0, ..request(1.0, &[0.1]) };
    assert!(dial(&one, &alone, &Cancel::new(), &mut |_, _| ()).unwrap_err().to_string().contains("denoiser"));
}
