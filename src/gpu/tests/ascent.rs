//! Steps of ascent on the device against the same in plain words on the processor.

use super::passes::engines;
use super::trust::staged;
use super::{apart, gpu, no_adapter, noise, unhurried};
use crate::attack::{Method, Norm, Outcome, Settings, parameters, run};
use crate::engine::{Ascended, Ascent, Passes, plainly};
use crate::gpu::kernels::Source;
use crate::joint::JointModel;
use crate::kernels::engine::Processor;
use crate::network::conformance::{architecture, random};
use crate::network::{DeviceChoice, Network};
use crate::picture::{Batch, Shape};
use crate::task::Cancel;

const SIGMA: f32 = 0.15;

/// The steps by questions to an engine.
fn asked(engine: &Processor, noisy: &[f32], size: (usize, usize), ascent: &Ascent<'_>) -> Ascended {
    plainly(noisy, ascent, &mut |pictures, cotangents| {
        let count = ascent.goals.len();
        let tape = engine.forward(pictures, size, &vec![SIGMA; count]).unwrap();
        let mut out = vec![0.0; pictures.len()];
        tape.pullback(&vec![0.0; count], &cotangents(tape.logits()), &mut out).unwrap();
        out
    })
}

fn climbed(engine: &dyn Passes, noisy: &[f32], size: (usize, usize), ascent: &Ascent<'_>) -> Ascended {
    engine.ascend(noisy, size, SIGMA, ascent).unwrap().unwrap()
}

#[test]
fn steps_on_the_device_are_the_processors() {
    if no_adapter() {
        return;
    }
    let gpu = unhurried();
    for (channels, classes, count, size) in [(3, 4, 3, (8, 9)), (1, 2, 2, (5, 7)), (3, 300, 1, (3, 1))] {
        let checkpoint = random(classes, channels, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
        let (engine, processor) = engines(&gpu, &checkpoint);
        let picture = channels * size.0 * size.1;
        let centres: Vec<f32> = noise(5, count * picture).iter().map(|v| (0.5 + 0.2 * v).clamp(0.0, 1.0)).collect();
        let start: Vec<f32> = centres.iter().map(|v| (v + 0.01).min(1.0)).collect();
        let goals: Vec<(usize, bool)> = (0..count).map(|n| ((n * 7 + 1) % classes, n % 2 == 1)).collect();
        for radius in [None, Some(0.3)] {
            let within =
                |v: &f32| if radius.is_none() { [(v - 0.05).max(0.0), (v + 0.05).min(1.0)] } else { [0.0, 1.0] };
            let bounds: Vec<[f32; 2]> = centres.iter().map(within).collect();
            let length = if radius.is_none() { 0.01 } else { 0.1 };
            let ascent = Ascent { goals: &goals, bounds: &bounds, centres: &centres, length, radius, steps: 6 };
            let what = format!("{count} pictures of {channels}×{size:?}, {classes} classes, {radius:?}");
            let found = climbed(&*engine, &start, size, &ascent);
            let truth = asked(&processor, &start, size, &ascent);
            assert_eq!(found.steps, 6, "{what}");
            assert!(apart(&found.logits, &truth.logits) < 1e-4, "{what}: logits");
            assert!(apart(&found.slopes, &truth.slopes) < 1e-3, "{what}: slopes");
            // Where a gradient is next to nothing its sign may be another.
            let differing = found.pictures.iter().zip(&truth.pictures).filter(|(a, b)| (*a - *b).abs() > 1e-5).count();
            assert!(differing * 100 <= found.pictures.len(), "{what}: {differing} of {}", found.pictures.len());
            // The last pictures are not the first: there is something to compare.
            let moved = found.pictures[5 * start.len()..].iter().zip(&start).filter(|(a, b)| a != b).count();
            assert!(moved * 2 > start.len(), "{what}");
            // The same bits again, and whatever the number of steps at a go.
            assert!(climbed(&*engine, &start, size, &ascent) == found, "{what}: other bits");
            let first = climbed(&*engine, &start, size, &Ascent { steps: 2, ..ascent });
            let (_, two) = first.pictures.split_at(start.len());
            let rest = climbed(&*engine, two, size, &Ascent { steps: 4, ..ascent });
            assert!(rest.pictures[..] == found.pictures[2 * start.len()..], "{what}: in two goes");
        }
    }
}

/// Corrupts the kernels of the steps.
fn replace(source: &mut Source, from: &str, to: &str) {
    assert!(source.file != "ascent.wgsl" || source.text.contains(from), "{from}");
    source.text = source.text.replace(from, to).into();
}

#[test]
fn a_wrong_step_is_seen() {
    if no_adapter() {
        return;
    }
    let checkpoint = random(4, 3, architecture((4, 2), &[8], &[1], &[1]));
    let (size, centres) = ((6, 5), vec![0.5; 90]);
    let bounds = vec![[0.0, 1.0]; 90];
    let differing = |tamper: Option<fn(&mut Source)>, radius: Option<f32>| {
        let settings = crate::gpu::Settings { tamper, ..Default::default() };
        let gpu = std::sync::Arc::new(crate::gpu::Gpu::open(gpu().card().clone(), settings).unwrap());
        let (engine, processor) = engines(&gpu, &checkpoint);
        let ascent = Ascent { goals: &[(2, true)], bounds: &bounds, centres: &centres, length: 0.02, radius, steps: 3 };
        let (found, truth) = (climbed(&*engine, &centres, size, &ascent), asked(&processor, &centres, size, &ascent));
        found.pictures.iter().zip(&truth.pictures).filter(|(a, b)| (*a - *b).abs() > 1e-5).count()
    };
    assert!(differing(None, None) < 3 && differing(None, Some(0.05)) == 0);
    // The wrong way, the wrong class, another length, and no projection.
    let turned = |source: &mut Source| replace(source, "turn * weight", "-turn * weight");
    assert!(differing(Some(turned), None) > 90);
    let other = |source: &mut Source| replace(source, "let own = goals[id.z].x", "let own = goals[id.z].x + 1u");
    assert!(differing(Some(other), None) > 20);
    let shorter = |source: &mut Source| replace(source, "move_.length / sqrt", "0.9 * move_.length / sqrt");
    assert!(differing(Some(shorter), Some(1.0)) > 200);
    let unbounded = |source: &mut Source| replace(source, "distance > move_.radius", "distance < 0.0");
    assert!(differing(Some(unbounded), Some(0.03)) > 100);
}

#[test]
fn pictures_that_the_memory_does_not_hold_together_climb_in_parts() {
    if no_adapter() {
        return;
    }
    let checkpoint = random(3, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let gpu = gpu();
    let engine = staged(&gpu, &checkpoint);
    let (picture, row) = engine.bytes((8, 8));
    let settings = crate::gpu::Settings { memory: Some(2 * 2 * picture.max(row)), ..Default::default() };
    let small = std::sync::Arc::new(crate::gpu::Gpu::open(gpu.card().clone(), settings).unwrap());
    let parted = staged(&small, &checkpoint);
    let centres = noise(5, 5 * 192);
    let goals = [(0, false), (1, false), (2, true), (1, true), (0, false)];
    let bounds = vec![[-4.0, 4.0]; centres.len()];
    let ascent =
        Ascent { goals: &goals, bounds: &bounds, centres: &centres, length: 0.1, radius: Some(0.25), steps: 3 };
    let before = small.submissions();
    let found = climbed(&parted, &centres, (8, 8), &ascent);
    assert!(small.submissions() >= before + 3, "two, two and one");
    let truth = climbed(&engine, &centres, (8, 8), &Ascent { steps: found.steps, ..ascent });
    assert!(apart(&found.pictures, &truth.pictures) < 1e-5 && apart(&found.logits, &truth.logits) < 1e-5);
    // What does not fit is refused.
    for wrong in [
        Ascent { goals: &[(3, false); 5], ..ascent },
        Ascent { bounds: &bounds[1..], ..ascent },
        Ascent { goals: &goals[1..], ..ascent },
        Ascent { steps: 0, ..ascent },
    ] {
        assert!(engine.ascend(&centres, (8, 8), SIGMA, &wrong).is_err());
    }
}

#[test]
fn pgd_on_a_card_is_the_processors() {
    if no_adapter() {
        return;
    }
    let checkpoint = random(4, 3, architecture((4, 2), &[8, 16], &[1, 1], &[1, 2]));
    let card = DeviceChoice::Gpu(Some(gpu().card().number.to_string()));
    let [card, processor] = [&card, &DeviceChoice::Cpu].map(|choice| Network::load(&checkpoint, choice).unwrap());
    let clean: Vec<f32> = noise(8, 3 * 192).iter().map(|v| (0.5 + 0.2 * v).clamp(0.0, 1.0)).collect();
    let clean = Batch::new(Shape::new(3, 8, 8), clean);
    let attack = |network: &Network, settings: &Settings| -> Vec<Outcome> {
        run(network, &clean, &[0, 1, 2], settings, &Cancel::new(), &mut |_| ()).unwrap()
    };
    for (norm, epsilon) in [(Norm::L2, 0.5), (Norm::Linf, 0.03)] {
        let settings = Settings::new(Method::Pgd, SIGMA).within(norm, epsilon).with(parameters::STEPS, 12.0).unwrap();
        let (found, truth) = (attack(&card, &settings), attack(&processor, &settings));
        for (a, b) in found.iter().zip(&truth) {
            assert!(a.achieved.in_norm(norm) <= epsilon + 1e-6, "{:?}", a.achieved);
            assert_eq!((a.steps, a.queries, a.gradients), (b.steps, b.queries, b.gradients));
            let losses = a.loss.iter().zip(&b.loss).all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + b.abs()));
            assert!(losses, "{norm}: {:?} and {:?}", a.loss, b.loss);
            assert!(norm == Norm::Linf || apart(a.attacked.values(), b.attacked.values()) < 1e-4, "{norm}");
        }
        assert_eq!(attack(&card, &settings), found, "the same bits again");
    }
    assert!(card.device_reason().is_none(), "the processor helped");
}
