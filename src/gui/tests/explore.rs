//! What the pane Explore shows, with real products on the oracle.

use eframe::egui::vec2;
use egui_kittest::kittest::Queryable;

use super::{Window, click, drag, oracle, run};
use crate::gui::command::{ExploreCommand, NoiseCommand};
use crate::gui::state::document::TileKind;
use crate::gui::state::explore::{Explore, Mode};
use crate::gui::state::tile_content::tile_content;
use crate::study::lab::Region;

fn explored(window: &Window) -> &Explore {
    &window.state().session().explore
}

fn has_tile(window: &Window, kind: TileKind) -> bool {
    tile_content(kind, window.state().document(), window.state().session()).is_some()
}

#[test]
fn doubt_of_both_kinds_is_shown_and_follows_the_noise() {
    let mut window = oracle();
    run(&mut window, NoiseCommand::SetSigma(0.5));
    run(&mut window, ExploreCommand::Show(Mode::Doubt));
    window.run_steps(4);
    let before = explored(&window).doubt.as_ref().expect("doubt").value.clone();
    // The oracle's classes are Gaussians of variance 0.01: J_c = 0.01/(0.01 + σ²).
    let details = f64::from(0.01 / (0.01 + 0.25_f32) * 0.25);
    assert!((before.means()[1] / details - 1.0).abs() < 1e-4, "{} {details}", before.means()[1]);
    assert!(before.is_exact && before.identity_error < 1e-4);
    for kind in [TileKind::DoubtClasses, TileKind::DoubtDetails, TileKind::DoubtTotal] {
        assert!(has_tile(&window, kind), "{kind:?}");
    }
    window.get_by_label("Exact products with J.");
    run(&mut window, NoiseCommand::SetSigma(0.2));
    window.run_steps(4);
    let after = explored(&window).doubt.as_ref().expect("doubt");
    assert!(!after.stale && after.value.means()[2] < before.means()[2]);
}

#[test]
fn components_are_chosen_walked_along_and_looked_for_in_a_region() {
    let mut window = oracle();
    run(&mut window, NoiseCommand::SetSigma(0.6));
    run(&mut window, ExploreCommand::Show(Mode::Components));
    window.run_steps(4);
    assert_eq!(explored(&window).components.as_ref().expect("components").value.list.len(), 8);
    let walked = explored(&window).walked.clone().expect("a walk");
    click(&mut window, "Component 2");
    assert!(explored(&window).chosen == 1 && explored(&window).walked != Some(walked));
    for (asked, walk) in [(f32::NAN, 2.0), (9.0, 3.0), (-1.0, -1.0)] {
        run(&mut window, ExploreCommand::Walk(asked));
        assert!((explored(&window).walk - walk).abs() < 1e-6);
    }
    let far = Region { x: usize::MAX, y: 5, width: 4, height: usize::MAX };
    run(&mut window, ExploreCommand::SetRegion(Some(far)));
    window.run_steps(4);
    let found = explored(&window).components.as_ref().expect("components").value.clone();
    assert_eq!(found.region, Region { x: 28, y: 0, width: 4, height: 32 });
    click(&mut window, "All of it");
    assert!(explored(&window).region.is_none());
    // Dragged with the mouse, from a pixel to another.
    let tile = window.get_by_label_contains("Component v, colours").rect();
    let at = |x: f32, y: f32| tile.left_top() + vec2(x, y) / 32.0 * tile.size();
    drag(&mut window, at(20.5, 9.5), at(11.5, 16.5));
    assert_eq!(explored(&window).region, Some(Region { x: 11, y: 9, width: 10, height: 8 }));
    window.run_steps(4);
    assert_eq!(explored(&window).components.as_ref().expect("components").value.region.width, 10);
}

#[test]
fn evidence_is_shown_by_scale_and_over_the_picture() {
    let mut window = oracle();
    run(&mut window, ExploreCommand::Show(Mode::Evidence));
    window.run_steps(4);
    let told: Vec<_> = window.state().session().notices.history().collect();
    let found = explored(&window).evidence.as_ref().unwrap_or_else(|| panic!("no evidence: {told:?}")).value.clone();
    for class in &found.classes {
        let sum: f64 = class.map.values().iter().map(|v| f64::from(*v)).sum();
        assert!((sum - class.denoisers.value).abs() < 1e-3 * (1.0 + sum.abs()), "the map adds up");
    }
    assert!(has_tile(&window, TileKind::EvidenceMap));
    let before = explored(&window).evidence_map.clone();
    let second = found.model.classes[found.classes[1].class].clone();
    click(&mut window, &format!("Evidence for {second}"));
    assert!(explored(&window).evidence_of == 1 && explored(&window).evidence_map != before);
    window.get_by_label("Evidence by scale");
    // It is of the clean picture: the slider does not ask again.
    run(&mut window, NoiseCommand::SetSigma(0.3));
    window.run_steps(4);
    assert!(!explored(&window).evidence.as_ref().expect("evidence").stale);
}

#[test]
fn bits_and_noise_are_shown_and_the_constants_are_measured_once() {
    let mut window = oracle();
    run(&mut window, NoiseCommand::SetSigma(0.2));
    run(&mut window, ExploreCommand::Show(Mode::Density));
    window.run_steps(4);
    let first = explored(&window).density.as_ref().expect("densities").value.clone();
    assert!(first.measured && first.density.pictures.len() == 11);
    assert!((first.noise.sigma / 0.2).ln().abs() < 5.0 * first.noise.deviation + 0.05, "{}", first.noise.sigma);
    window.get_by_label("p(c, σ | y)");
    window.get_by_label("The pictures by their bits");
    run(&mut window, NoiseCommand::SetSigma(0.4));
    window.run_steps(4);
    let second = explored(&window).density.as_ref().expect("densities");
    assert!(!second.stale && std::sync::Arc::ptr_eq(&second.value.density, &first.density));
    assert!(second.value.noise.sigma > 1.5 * first.noise.sigma);
}

#[test]
fn the_filter_and_the_audit_are_shown() {
    let mut window = oracle();
    run(&mut window, ExploreCommand::Show(Mode::Filter));
    window.run_steps(4);
    assert!(has_tile(&window, TileKind::Filter));
    let at = window.get_by_label_contains("Filter, colours").rect();
    window.hover_at(at.left_top() + 0.1 * at.size());
    window.run_steps(6);
    let (x, y) = explored(&window).filter.as_ref().expect("a filter").value.pixel;
    assert!(x < 10 && y < 10, "it follows the pointer: {x}, {y}");
    run(&mut window, ExploreCommand::Show(Mode::Audit));
    window.run_steps(4);
    let audit = &explored(&window).audit;
    assert!(audit.len() == 5 && audit.iter().all(|level| level.health() <= 1.0), "the oracle is a density: {audit:?}");
    window.get_by_label("Health");
}
