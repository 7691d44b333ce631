//! Flows through attack, defences and certificate.

use egui_kittest::kittest::Queryable;

use super::{Window, oracle, run, said};
use crate::attack::{Defence, Method, Mode, Norm, Preset, Settings, Smoothing, Through};
use crate::gui::command::{AttackCommand, CertifyCommand, ExportCommand, WindowCommand};
use crate::gui::state::counting::{ATTEMPTS, Count};
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::tile_content;

#[test]
fn every_preset_is_on_offer_and_stays_what_it_is() {
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::ADVERSARY));
    harness.get_by_label("Preset").click();
    harness.run_steps(3);
    harness.get_by_label("LinfFastGradientAttack").click();
    harness.run_steps(3);
    assert_eq!(harness.state().session().preset.unwrap().id, "foolbox-fgsm");
    assert_eq!(harness.state().document().attack.method, Method::Fgsm);
    // Shown in the sliders, no value is rounded or cut. Attacks of many thousand steps are not waited for.
    for preset in Preset::ALL.iter().filter(|p| p.method != Method::Autoattack && p.method != Method::Square) {
        let mut settings = preset.settings(5.0 / 255.0);
        if settings.method == Method::CarliniWagner {
            settings.set("search-steps", 1.0).unwrap();
            settings.set("steps", 700.0).unwrap();
        }
        run(&mut harness, AttackCommand::Set(Box::new(settings.clone())));
        assert_eq!(harness.state().document().attack, settings, "{}", preset.id);
    }
}

#[test]
fn a_defence_is_attacked_by_one_that_knows_it_and_compared() {
    let mut harness = oracle();
    let plain = Settings::new(Method::Fgsm, 5.0 / 255.0).within(Norm::Linf, 4.0 / 255.0);
    run(&mut harness, AttackCommand::Set(Box::new(plain.clone())));
    run(&mut harness, WindowCommand::Show(Pane::ADVERSARY));
    harness.run_steps(3);
    let purification =
        Defence::Purification { sigma: 0.1, rounds: 2, through: Through::Jacobian, draws: 1, votes: 4, fixed: false };
    for defence in [Defence::Vote { draws: 2, votes: 8, fixed: true }, purification] {
        run(&mut harness, AttackCommand::Set(Box::new(Settings { defence, ..plain.clone() })));
        harness.run_steps(3);
        let outcome = harness.state().session().attack.outcome.clone().unwrap();
        let votes = if defence == purification { 4.0 } else { 8.0 };
        let share = outcome.posterior_before[outcome.predicted_before] * votes;
        assert!((share - share.round()).abs() < 1e-6, "shares of {votes} votes: {share}");
    }
    let tried: Vec<Defence> = harness.state().session().defended.iter().map(|(defence, _)| *defence).collect();
    assert_eq!(tried.len(), 3, "{tried:?}");
    harness.get_by_label("Defences so far");
    harness.get_by_label("purify ×2");
    run(&mut harness, AttackCommand::Set(Box::new(plain.within(Norm::Linf, 8.0 / 255.0))));
    assert_eq!(harness.state().session().defended.len(), 1, "another attack is another comparison");
}

#[test]
fn the_smallest_budget_is_looked_for_on_request() {
    let mut harness = oracle();
    // The oracle is so sure that only the difference of logits has a gradient.
    let settings = Settings::new(Method::ApgdDlr, 5.0 / 255.0).within(Norm::L2, 0.5).with("steps", 10.0).unwrap();
    run(&mut harness, AttackCommand::Set(Box::new(settings)));
    run(&mut harness, WindowCommand::Show(Pane::ADVERSARY));
    harness.get_by_label("smallest that succeeds").click();
    harness.run_steps(6);
    assert!(harness.state().session().attack.stale, "a long search does not run by itself");
    harness.get_by_label_contains("press Run");
    harness.get_by_label("Run").click();
    harness.run_steps(6);
    assert_eq!(harness.state().document().attack.mode, Mode::Smallest);
    let outcome = harness.state().session().attack.outcome.clone().unwrap();
    assert!(outcome.epsilon.is_none() && outcome.success);
}

/// What was found with other settings says with which, and nothing that hangs on it passes for new.
#[test]
fn what_stands_of_an_attack_with_other_settings_is_marked() {
    let mut harness = oracle();
    run(&mut harness, WindowCommand::Show(Pane::ADVERSARY));
    let short = Settings::new(Method::Pgd, 5.0 / 255.0).within(Norm::Linf, 8.0 / 255.0);
    run(&mut harness, AttackCommand::Set(Box::new(short.clone())));
    harness.run_steps(4);
    let kinds = [
        TileKind::Attacked,
        TileKind::AttackedDenoised,
        TileKind::AttackGradient,
        TileKind::PurifyNoisy,
        TileKind::Purified,
    ];
    let stale = |harness: &Window| {
        let app = harness.state();
        kinds.map(|kind| tile_content(kind, app.document(), app.session()).expect("a tile").stale)
    };
    assert_eq!(stale(&harness), [false; 5]);
    harness.get_by_label("asked for L∞ 8/255");
    harness.get_by_label("at σ 5/255");
    let long = Settings::new(Method::Pgd, 9.0 / 255.0).within(Norm::L2, 0.5).with("steps", 100_000.0).unwrap();
    run(&mut harness, AttackCommand::Set(Box::new(long)));
    harness.run_steps(3);
    harness.get_by_label_contains("press Run");
    harness.get_by_label("asked for L∞ 8/255");
    harness.get_by_label("at σ 5/255");
    harness.get_by_label_contains("with the settings before, attacked");
    harness.get_by_label_contains("clean over attacked, σ 5/255");
    assert_eq!(stale(&harness), [true; 5]);
    run(&mut harness, ExportCommand::SaveSheet);
    assert!(said(&harness, "this is the sheet of the picture without it"));
    run(&mut harness, AttackCommand::Set(Box::new(short)));
    harness.run_steps(4);
    assert_eq!(stale(&harness), [false; 5]);
    assert!(harness.query_by_label_contains("with the settings before").is_none());
}

#[test]
fn attacks_close_in_on_the_radius_from_above() {
    let mut harness = oracle();
    let smoothing = Smoothing { samples: 200, selection: 50, batch: 100, ..Smoothing::new(0.25) };
    run(&mut harness, CertifyCommand::Set(smoothing));
    run(&mut harness, CertifyCommand::Bracket(true));
    run(&mut harness, WindowCommand::Show(Pane::CERTIFICATE));
    harness.run_steps(3);
    harness.get_by_label("Certify").click();
    harness.run_steps(4);
    let certifying = &harness.state().session().certificate;
    assert!(certifying.is_complete() && certifying.stopped);
    let low = certifying.certificate().expect("a certificate").radius().unwrap_or(0.0);
    let (attempts, found) = certifying.count.as_ref().and_then(Count::above).expect("attacks");
    let high = found.expect("the oracle's classes are near each other").distance;
    assert!(attempts == ATTEMPTS && low < high, "{low} {high}");
    let nearer: Vec<f64> = certifying.above.iter().map(|(_, point)| -point[1]).collect();
    assert!(nearer.is_sorted() && *nearer.last().unwrap() == -high, "{nearer:?}");
    harness.get_by_label_contains(&format!("lies from {low:.3} to {high:.3}"));
    harness.check_accessibility();
    // Votes alone are another question.
    run(&mut harness, CertifyCommand::Bracket(false));
    assert!(harness.state().session().certificate.count.is_none());
}

#[test]
fn the_certificate_grows_stops_and_abstains_plainly() {
    let mut harness = oracle();
    let smoothing = Smoothing { samples: 800, batch: 32, ..Smoothing::new(0.25) };
    run(&mut harness, CertifyCommand::Set(smoothing));
    run(&mut harness, WindowCommand::Show(Pane::CERTIFICATE));
    harness.run_steps(3);
    assert!(harness.state().session().certificate.certificate().is_none(), "none begins by itself");
    harness.get_by_label("Certify").click();
    harness.run_steps(4);
    let certifying = &harness.state().session().certificate;
    let certificate = certifying.certificate().expect("a certificate").clone();
    assert!(certificate.is_complete() && certificate.samples() == 800);
    let radius = certificate.radius().expect("a sample of the oracle is certified");
    let grown: Vec<f64> = certifying.curve.iter().map(|(_, point)| point[1]).collect();
    assert!(grown.is_sorted() && grown.len() >= 800 / 32 && *grown.last().unwrap() == radius, "{grown:?}");
    harness.get_by_label(&format!("radius {radius:.3}"));
    harness.check_accessibility();

    // Done: another question is not counted until the person goes on.
    assert!(harness.state().session().certificate.stopped);
    run(&mut harness, CertifyCommand::Set(Smoothing { seed: 1, ..smoothing }));
    assert!(harness.state().session().certificate.certificate().is_none());
    harness.get_by_label("Certify").click();
    harness.run_steps(4);
    assert_ne!(harness.state().session().certificate.certificate().unwrap().selection, Vec::<u64>::new());

    // Three votes prove nothing, and the pane says so.
    run(&mut harness, CertifyCommand::Set(Smoothing { samples: 3, ..smoothing }));
    harness.get_by_label("Certify").click();
    harness.run_steps(4);
    assert_eq!(harness.state().session().certificate.certificate().unwrap().radius(), None);
    harness.get_by_label("abstains");
}

/// The length of an attack stands beside the radius only where both are of the same classifier.
#[test]
fn the_certificate_is_compared_with_an_attack_on_the_same_classifier_alone() {
    let line = "attack on this smoothed classifier, L2";
    let mut harness = oracle();
    let smoothing = Smoothing { samples: 200, selection: 50, batch: 100, ..Smoothing::new(0.25) };
    let vote = Defence::Vote { draws: 2, votes: 8, fixed: false };
    // The oracle is so sure that only the difference of logits has a gradient.
    let far = Settings::new(Method::ApgdDlr, 0.25).within(Norm::L2, 12.0).with("steps", 10.0).unwrap();
    for (settings, there) in [
        (Settings { defence: vote, ..far.clone() }, true),
        (Settings { defence: vote, sigma: 0.5, ..far.clone() }, false),
        (far, false),
    ] {
        run(&mut harness, AttackCommand::Set(Box::new(settings.clone())));
        run(&mut harness, WindowCommand::Show(Pane::ADVERSARY));
        run(&mut harness, AttackCommand::Run);
        harness.run_steps(4);
        let attack = &harness.state().session().attack;
        assert!(attack.outcome.clone().unwrap().success && !attack.stale, "{settings:?}");
        run(&mut harness, CertifyCommand::Set(smoothing));
        run(&mut harness, WindowCommand::Show(Pane::CERTIFICATE));
        if harness.state().session().certificate.stopped
            && harness.state().session().certificate.certificate().is_none()
        {
            harness.get_by_label("Certify").click();
        }
        harness.run_steps(4);
        harness.get_by_label("certified radius");
        assert_eq!(harness.query_by_label(line).is_some(), there, "{settings:?}");
    }
}
