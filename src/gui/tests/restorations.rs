//! Restorations: the denoiser's tiles and the grid of classes.

use eframe::egui::Key;
use egui_kittest::kittest::Queryable;

use super::{click, run, use_model, window};
use crate::gui::command::NoiseCommand;
use crate::gui::gpu::{Compare, Plane, value_at};
use crate::gui::state::document::{Reading, TileKind};
use crate::gui::state::tile_content::tile_content;
use crate::joint::GaussianMixture;
use crate::picture::{METRICS, PSNR, SSIM, Shape};
use crate::study::{Fidelity, ranked};

#[test]
fn every_tile_of_the_denoiser_is_there_with_its_measures() {
    let mut window = window();
    for name in ["Clean x", "Noisy y", "Denoised D(y)", "Residual y − D", "Error D − x"] {
        window.get_by_label_contains(name);
    }
    let state = window.state();
    let clean = state.session().fitted.clone().unwrap().content;
    let classes = (0..10).map(TileKind::Class);
    for kind in [TileKind::Noisy, TileKind::Denoised].into_iter().chain(classes) {
        let source = tile_content(kind, state.document(), state.session()).unwrap();
        let truth = Fidelity::of(source.content.picture(), clean.picture());
        for metric in METRICS.into_iter().filter(|metric| metric.is_quick) {
            assert_eq!(source.fidelity.unwrap().get(metric), truth.get(metric), "{kind:?}");
        }
    }
    let shown = tile_content(TileKind::Denoised, state.document(), state.session()).unwrap().fidelity.unwrap();
    let (psnr, ssim) = (PSNR.brief(shown.psnr_db()), SSIM.brief(shown.get(&SSIM).unwrap()));
    window.get_by_label_contains(&format!("Denoised D(y), {psnr}, {ssim}"));
    click(&mut window, "Already noisy");
    assert!(window.query_by_label_contains("Clean x").is_none());
}

#[test]
fn a_class_is_pinned_large_and_let_go() {
    let mut window = window();
    window.get_by_label_contains("Belief in 2").click();
    window.run_steps(3);
    assert_eq!(window.state().document().pinned, [2]);
    let sides: Vec<f32> = window
        .get_all_by_role(eframe::egui::accesskit::Role::Image)
        .filter(|tile| egui_kittest::kittest::NodeT::accesskit_node(tile).label().is_some_and(|l| l.starts_with("2, ")))
        .map(|tile| tile.rect().width())
        .collect();
    assert_eq!(sides.len(), 2, "one large, one in the grid");
    assert!(sides.iter().fold(0.0_f32, |a, &b| a.max(b)) > 1.5 * sides.iter().fold(1e9_f32, |a, &b| a.min(b)));
    window.get_by_label_contains("Belief in 2").click();
    window.run_steps(3);
    assert!(window.state().document().pinned.is_empty());
}

/// Of twenty classes the twelve likeliest and the others as one are shown; another is found by name and stays while it is pinned.
#[test]
fn one_of_many_classes_is_found_by_name() {
    let shape = Shape::new(1, 16, 16);
    let many = (0..20).fold(GaussianMixture::new(shape, 20), |model, class| {
        let mean = (0..shape.len()).map(|i| f64::from(u8::from(i % 20 == class)) * 0.8).collect();
        model.with(class, 1.0, mean, 0.01)
    });
    let mut window = window();
    use_model(&mut window, many);
    let shown = |window: &super::Window| window.state().session().answer.classes.len();
    let rest = |window: &super::Window| window.state().session().answer.rest.as_ref().map(|rest| rest.value.classes);
    assert_eq!((shown(&window), rest(&window)), (12, Some(8)));
    assert!(window.query_all_by_label_contains("8 others").count() > 0, "all others have a tile of their own");
    assert!(window.state().session().answer.study.as_ref().unwrap().identity_error.unwrap() < 1e-3);
    assert_eq!(window.query_all_by_label_contains("Belief in class ").count(), 20);
    let posterior = window.state().session().answer.posterior.clone().unwrap().value;
    let last = ranked(&posterior)[19];
    window.get_by_label("Find a class").focus();
    window.run_steps(2);
    window.event(eframe::egui::Event::Text(format!("class {last}")));
    window.run_steps(3);
    window.key_press(Key::Enter);
    window.run_steps(5);
    assert_eq!(window.state().document().pinned, [last]);
    assert_eq!((shown(&window), rest(&window)), (13, Some(7)));
    assert!(window.state().session().class_query.is_empty());
    // Keys mean commands again once the box is left.
    window.key_press(Key::Num3);
    window.run_steps(4);
    assert!((window.state().document().noise.sigma - 50.0 / 255.0).abs() < 1e-6);
    assert!(window.state().session().answer.class(last).is_some_and(|tile| !tile.stale));
}

#[test]
fn the_grid_is_read_as_gradients_and_against_the_top() {
    let mut window = window();
    run(&mut window, NoiseCommand::SetSigma(0.5));
    let study = window.state().session().answer.study.clone().unwrap();
    let top = ranked(&study.posterior)[0];
    let other = (top + 1) % 10;
    for (key, reading) in
        [(Key::Num8, Reading::Gradient), (Key::Num9, Reading::AgainstTop), (Key::Num7, Reading::Restored)]
    {
        window.key_press(key);
        window.run_steps(3);
        let state = window.state();
        assert_eq!(state.document().reading, reading);
        let source = tile_content(TileKind::Class(other), state.document(), state.session()).unwrap();
        let plane = Plane {
            content: source.content.picture(),
            operand: source.operand.as_ref().map(crate::gui::gpu::Content::picture),
            reference: None,
        };
        let of = |class: usize| study.conditionals.iter().find(|c| c.class == class).unwrap().picture.at(0, 16, 16);
        let expected = match reading {
            Reading::Restored => of(other),
            Reading::Gradient => of(other) - study.denoised.at(0, 16, 16),
            Reading::AgainstTop => of(other) - of(top),
        };
        assert!((value_at(plane, source.look, [16, 16])[0] - expected).abs() < 1e-6, "{reading:?}");
        assert_eq!(source.look.compare == Compare::Error, reading != Reading::Restored);
    }
}
