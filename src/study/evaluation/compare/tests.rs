//! Comparisons of mixtures, whose answers are known.

use super::page::{page, tables};
use super::{ComparePlan, Comparison, Difference, compare};
use crate::data::{Loader, Purpose, open};
use crate::joint::{GaussianMixture, JointModel};
use crate::picture::{Picture, Shape, save};
use crate::study::evaluation::{AttackPlan, Plan, Samples, evaluate};
use crate::task::Cancel;

const SHAPE: Shape = Shape::new(1, 4, 4);

/// A mixture of flat pictures: classes of these names at these greys.
fn flat(classes: &[(&str, f64)], variance: f64) -> GaussianMixture {
    let names: Vec<&str> = classes.iter().map(|(name, _)| *name).collect();
    let mixture = GaussianMixture::new(SHAPE, classes.len());
    let mixture = classes
        .iter()
        .enumerate()
        .fold(mixture, |mixture, (class, (_, grey))| mixture.with(class, 1.0, vec![*grey; SHAPE.len()], variance));
    mixture.named(&names)
}

/// Flat pictures of two classes, five of each: dark ones up to 0.4, and light ones from 0.6.
fn samples(model: &dyn JointModel) -> (tempfile::TempDir, Samples) {
    let folder = tempfile::tempdir().unwrap();
    for (class, first) in [("dark", 0.0), ("light", 0.6)] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for index in 0..5_u8 {
            let picture = Picture::filled(SHAPE, first + 0.1 * f32::from(index));
            save(folder.path().join(class).join(format!("{index}.png")), &picture, false).unwrap();
        }
    }
    let set = open(folder.path(), Some(SHAPE), Purpose::Measuring).unwrap();
    let samples = Loader::quiet(|loader| Samples::new(set, model, None, loader)).unwrap();
    (folder, samples)
}

fn plan() -> ComparePlan {
    let attacks = vec!["fgsm:l2:1:sigma=0.05".parse::<AttackPlan>().unwrap()];
    ComparePlan { sigmas: vec![0.01], attacks, seed: 3, batch: 4, disputed: 2 }
}

fn compared(a: &dyn JointModel, b: &dyn JointModel, plan: &ComparePlan) -> Comparison {
    let (_folder, samples) = samples(a);
    let mut last = (0, 0);
    let comparison =
        compare([a, b], &samples, plan, &Cancel::new(), &mut |step| last = (step.done, step.total)).unwrap();
    assert_eq!(last.0, last.1, "every picture of every part is counted");
    comparison
}

#[test]
fn who_is_right_is_counted_picture_by_picture() {
    // The border of A lies at 0.5, where it belongs, that of B at 0.75: 0.6 and 0.7 are dark to it.
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let b = flat(&[("dark", 0.5), ("light", 1.0)], 0.01);
    let comparison = compared(&a, &b, &plan());
    let of = comparison.by_sigma[0].classification.as_ref().unwrap();
    assert_eq!(of.accuracy, [1.0, 0.8]);
    assert_eq!((of.both_right, of.test.only_a, of.test.only_b), (8, 2, 0));
    assert_eq!((of.both_wrong_alike, of.both_wrong_apart), (0, 0));
    assert!((of.test.p_value - 0.5).abs() < 1e-12);
    let disputed: Vec<_> = comparison.by_sigma[0].disputed.iter().map(|d| d.picture.values()[0]).collect();
    assert_eq!(disputed.len(), 2);
    assert!(disputed.iter().all(|grey| (0.59..0.71).contains(grey)), "{disputed:?}");
    assert!(comparison.by_sigma[0].disputed.iter().all(|d| d.class == "light" && d.said == ["light", "dark"]));
}

#[test]
fn classes_are_matched_by_name_whatever_their_order() {
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let b = flat(&[("Light", 0.8), ("Dark", 0.2)], 0.01);
    let comparison = compared(&a, &b, &plan());
    let of = comparison.by_sigma[0].classification.as_ref().unwrap();
    assert_eq!((of.accuracy, of.both_right), ([1.0, 1.0], 10));
    let robust = &comparison.robust[0];
    assert_eq!(robust.accuracy[0], robust.accuracy[1], "the same model under the same attack");
    assert_eq!(robust.accuracy[0][0], robust.accuracy[0][1]);
    let unnamed = flat(&[("class 0", 0.2), ("class 1", 0.8)], 0.01);
    let comparison = compared(&a, &unnamed, &plan());
    assert!(comparison.models[1].notes[0].contains("matched by number"));
    assert_eq!(comparison.by_sigma[0].classification.as_ref().unwrap().both_right, 10);
}

#[test]
fn the_diagonal_of_the_transfer_is_the_evaluations_robust_accuracy() {
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let b = flat(&[("dark", 0.35), ("light", 0.8)], 0.05);
    let comparison = compared(&a, &b, &plan());
    let (_folder, samples) = samples(&a);
    for (side, model) in [&a, &b].into_iter().enumerate() {
        let plan = Plan { attacks: plan().attacks, seed: 3, batch: 4, ..Plan::default() };
        let alone = evaluate(model, &samples, None, &plan, &Cancel::new(), &mut |_| ()).unwrap();
        assert_eq!(comparison.robust[0].accuracy[side][side], alone.robust[0].accuracy);
        assert_eq!(comparison.robust[0].clean_accuracy[side], alone.robust[0].clean_accuracy);
    }
    // A step of L2 length 1 moves each of the 16 values by a quarter: over A's border at 0.5 go 0.3 and 0.4, 0.6 and 0.7.
    assert_eq!(comparison.robust[0].accuracy[0][0], 0.6);
    // Towards the other class is the same way for both, whose borders differ by less than the distance of any picture.
    assert_eq!(comparison.robust[0].accuracy[0][1], comparison.robust[0].accuracy[1][1]);
}

/// Towards the only other class is what an attack without a target does, so that who is broken says the target.
#[test]
fn a_targeted_attack_tells_who_says_the_target() {
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let b = flat(&[("Light", 0.8), ("Dark", 0.35)], 0.05);
    let mut plan = plan();
    plan.attacks.push("pgd:l2:1:sigma=0.1:target=random".parse().unwrap());
    plan.attacks[0] = "pgd:l2:1:sigma=0.1".parse().unwrap();
    let comparison = compared(&a, &b, &plan);
    let [free, aimed] = &comparison.robust[..] else { panic!("two attacks") };
    assert_eq!((free.reached, aimed.accuracy), (None, free.accuracy));
    let reached = aimed.reached.unwrap();
    for (made, asked) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        // All pictures are right before, so what is not right after says the only other class.
        let wrong = 1.0 - aimed.accuracy[made][asked] - (1.0 - aimed.clean_accuracy[asked]);
        assert!((reached[made][asked] - wrong).abs() < 1e-12, "{made} {asked} {reached:?} {:?}", aimed.accuracy);
        assert!(reached[made][asked] > 0.0);
    }
}

#[test]
fn the_nearer_denoiser_has_the_larger_psnr() {
    // B expects far less variety than there is, so it draws everything to its two greys.
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.05);
    let b = flat(&[("dark", 0.2), ("light", 0.8)], 0.0001);
    let mut plan = plan();
    plan.sigmas = vec![0.1];
    let comparison = compared(&a, &b, &plan);
    let of = comparison.by_sigma[0].psnr_db.as_ref().unwrap();
    assert!((of.difference - (of.mean[0] - of.mean[1])).abs() < 1e-9);
    assert_eq!(of.histogram.iter().map(|bin| bin.count).sum::<usize>(), of.images);
    let other = compared(&b, &a, &plan);
    let mirrored = other.by_sigma[0].psnr_db.as_ref().unwrap();
    assert!((mirrored.difference + of.difference).abs() < 1e-9 && mirrored.standard_error == of.standard_error);
}

#[test]
fn a_difference_is_that_of_the_pairs() {
    let of = Difference::of(&[[1.0, 0.0], [3.0, 1.0], [2.0, 2.0], [f64::INFINITY, 1.0]]).unwrap();
    assert_eq!((of.images, of.mean, of.difference, of.larger), (3, [2.0, 1.0], 1.0, 2.0 / 3.0));
    // Differences 1, 2, 0: their deviation is 1, its error over three 1/√3.
    assert!((of.standard_error - 1.0 / 3.0_f64.sqrt()).abs() < 1e-12);
    let counts: Vec<usize> = of.histogram.iter().map(|bin| bin.count).collect();
    assert_eq!((counts[10], counts[20], counts.iter().sum::<usize>()), (1, 1, 3));
    assert!((of.histogram[20].to - 2.0).abs() < 1e-12 && (of.histogram[0].from + 2.0).abs() < 1e-12);
    assert_eq!(Difference::of(&[[f64::INFINITY, 1.0]]), None);
}

#[test]
fn models_that_cannot_be_compared_are_refused_and_denoisers_are_compared_as_such() {
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let (_folder, samples) = samples(&a);
    let refusal =
        |b: &dyn JointModel| compare([&a, b], &samples, &plan(), &Cancel::new(), &mut |_| ()).unwrap_err().to_string();
    let other = refusal(&GaussianMixture::new(Shape::new(1, 4, 5), 2));
    assert!(other.starts_with("--with: takes 1×4×5 pictures and --model 1×4×4"), "{other}");
    let other = refusal(&flat(&[("dark", 0.2), ("red", 0.5)], 0.01));
    assert!(other.starts_with("--with: has other classes"), "{other}");
    let denoiser = flat(&[("any", 0.5)], 0.01);
    assert!(refusal(&denoiser).starts_with("--attacks"));
    let comparison = compared(&a, &denoiser, &ComparePlan { attacks: Vec::new(), ..plan() });
    let level = &comparison.by_sigma[0];
    assert!(level.classification.is_none() && level.psnr_db.is_some() && level.disputed.is_empty());
    let cancel = Cancel::new();
    cancel.raise();
    let ended = compare([&a, &a], &samples, &plan(), &cancel, &mut |_| ());
    assert!(matches!(ended, Err(crate::Error::Cancelled)));
}

#[test]
fn the_page_and_the_json_have_every_figure() {
    let a = flat(&[("dark", 0.2), ("light", 0.8)], 0.01);
    let b = flat(&[("dark", 0.5), ("light", 1.0)], 0.01);
    let comparison = compared(&a, &b, &plan());
    let html = page(&comparison).unwrap();
    for words in ["Who is right", "What they restore", "Under attack", "Taken rightly by one alone", "A alone", "0.500"]
    {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 2);
    assert!(
        !html.contains("NaN") && tables(&comparison).iter().all(|t| t.rows.iter().all(|r| r.len() == t.head.len()))
    );
    let json = serde_json::to_value(&comparison).unwrap();
    for place in [
        "/models/1/name",
        "/by_sigma/0/classification/only_a",
        "/by_sigma/0/classification/p_value",
        "/by_sigma/0/psnr_db/histogram/0/count",
        "/by_sigma/0/disputed/0/said/1",
        "/robust/0/accuracy/1/0",
        "/robust/0/p_value",
    ] {
        assert!(json.pointer(place).is_some(), "{place} in {json}");
    }
}
