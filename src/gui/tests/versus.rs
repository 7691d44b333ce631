//! Two models side by side: a second model is chosen or refused, both are asked about the same noisy picture, attacks are shown to the
//! other, and they duel.

use std::sync::Arc;

use egui_kittest::kittest::Queryable;

use super::{Window, click, oracle, run, said, window};
use crate::attack::{Aim, DuelSettings, Method, Norm, Settings};
use crate::gui::command::{AttackCommand, Command, ModelCommand, NoiseCommand, TileCommand, VersusCommand};
use crate::gui::feature::oracle::oracle_pictures;
use crate::gui::state::document::TileKind;
use crate::gui::state::model::{Model, ModelSource, built_in};
use crate::gui::state::tile_content::tile_content;
use crate::gui::state::versus::{Mode, Rival, Versus};
use crate::gui::view::catalogue::catalogue;
use crate::joint::{GaussianMixture, JointModel, Pairing};
use crate::picture::{Batch, Noise};
use crate::study::{Classes, Request, analyze, duel};
use crate::task::Cancel;

fn versus(window: &Window) -> &Versus {
    &window.state().session().versus
}

/// The oracle's classes in another order, wider around their means.
pub(super) fn rival() -> GaussianMixture {
    let pictures = oracle_pictures();
    let names: Vec<&str> = crate::gui::feature::oracle::NAMES.iter().rev().copied().collect();
    let empty = GaussianMixture::new(pictures[0].shape(), names.len()).named(&names);
    pictures.iter().rev().enumerate().fold(empty, |mixture, (class, picture)| {
        mixture.with(class, 1.0, picture.values().iter().map(|&v| f64::from(v)).collect(), 0.05)
    })
}

/// A model of the digits' classes and size, all of one mean.
pub(super) fn alike(mean: &[f64]) -> GaussianMixture {
    let names: Vec<String> = (0..10).map(|digit: i32| digit.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let empty = GaussianMixture::new(crate::picture::Shape::new(1, 32, 32), 10).named(&names);
    (0..10).fold(empty, |mixture, class| mixture.with(class, 1.0, mean.to_vec(), 0.05))
}

/// Sets a model beside the one in use, as if it had been opened.
pub(super) fn set_beside(window: &mut Window, joint: Arc<dyn JointModel>) {
    let host = &mut window.state_mut().host;
    let pairing = Pairing::of([&*host.session.model.as_ref().unwrap().joint, &*joint]).unwrap();
    let model = Model::new(ModelSource::Oracle, joint, None);
    host.session.versus.b = Some(Rival { model, pairing });
    run(window, VersusCommand::Show(Mode::Restored));
    window.run_steps(3);
}

#[test]
fn every_bundled_model_is_a_click_away_and_one_of_another_shape_is_refused_with_the_reason() {
    let listed = |source: &ModelSource| {
        catalogue().entries().iter().any(|entry| entry.command == Command::from(VersusCommand::With(source.clone())))
    };
    assert!(built_in().iter().all(listed));
    let mut window = window();
    run(&mut window, VersusCommand::Show(Mode::Restored));
    click(&mut window, "Compare with cifar10");
    assert!(versus(&window).b.is_none());
    let words = versus(&window).refused.clone().expect("a reason");
    assert!(words.contains("cifar10 takes 3×32×32 pictures and model A 1×32×32"), "{words}");
    assert!(window.query_all_by_label(words.as_str()).next().is_some(), "it stands in the pane");
    // Beside the oracle it can stand: no class is called the same, which is said.
    run(&mut window, ModelCommand::Use(ModelSource::Oracle));
    run(&mut window, VersusCommand::With(ModelSource::named("cifar10")));
    window.run_steps(3);
    assert!(versus(&window).b.is_some() && versus(&window).refused.is_none());
    assert!(said(&window, "matched by number"));
    // With digits in use again it cannot, and is let go of.
    run(&mut window, ModelCommand::Use(ModelSource::named("digits")));
    window.run_steps(3);
    assert!(versus(&window).b.is_none() && versus(&window).refused.is_some() && versus(&window).answer.is_none());
}

/// The oracle at σ = 0.3 with its rival beside it.
fn with_rival() -> (Window, Arc<dyn JointModel>) {
    let mut window = oracle();
    run(&mut window, NoiseCommand::SetSigma(0.3));
    let b: Arc<dyn JointModel> = Arc::new(rival());
    set_beside(&mut window, b.clone());
    (window, b)
}

#[test]
fn both_are_guided_alike_and_it_is_said() {
    let (mut window, b) = with_rival();
    run(&mut window, VersusCommand::SetClass(Some(2)));
    let says = |window: &Window| window.query_by_label_contains("Shown of both: D + ").is_some();
    assert!(!says(&window));
    run(&mut window, TileCommand::SetGuidance(3.0));
    window.run_steps(3);
    window.get_by_label("Shown of both: D + 3 (D(y|c) − D)");
    let session = window.state().session();
    let clean = session.fitted.as_ref().unwrap().content.picture().clone();
    let noise = Noise { sigma: 0.3, ..window.state().document().noise };
    // Its classes are A's in the reverse order.
    let theirs = Classes::List(vec![b.classes().len() - 3]);
    let request = Request::clean(clean, noise).with_classes(theirs).guided(3.0);
    let alone = analyze(&*b, &request, &Cancel::new(), &mut |_| ()).unwrap();
    let shown = versus(&window).answer.as_ref().unwrap().value.restored.clone().unwrap();
    assert_eq!(*shown.picture(), alone.conditionals[0].picture);
    // D itself is of no class, and so is not guided.
    run(&mut window, VersusCommand::SetClass(None));
    assert!(!says(&window));
}

#[test]
fn both_see_the_same_noise_and_what_they_restore_is_set_side_by_side() {
    let (mut window, b) = with_rival();
    let session = window.state().session();
    let clean = session.fitted.as_ref().unwrap().content.picture().clone();
    let noise = Noise { sigma: 0.3, ..window.state().document().noise };
    let alone =
        analyze(&*b, &Request::clean(clean, noise).with_classes(Classes::Top(0)), &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(alone.noisy, *session.answer.noisy.as_ref().unwrap().value.picture(), "the same noisy picture");
    let answer = versus(&window).answer.as_ref().unwrap();
    assert!(!answer.stale);
    assert_eq!(*answer.value.restored.as_ref().unwrap().picture(), alone.denoised);
    assert_eq!(answer.value.posterior, alone.posterior.iter().rev().copied().collect::<Vec<f64>>(), "in A's order");
    let document = window.state().document();
    let tile = tile_content(TileKind::VersusDifference, document, window.state().session()).unwrap();
    assert!(tile.ends().is_some_and(|[low, high]| low < 0.0 && high > 0.0), "a signed map with its colours");
    assert_eq!(tile.operand.unwrap().picture(), &alone.denoised);
    let (a, b_psnr) = (window.state().session().answer.denoised_fidelity.unwrap(), alone.denoised_fidelity.unwrap());
    let words =
        format!("{}{:.2} dB", if a.psnr_db() >= b_psnr.psnr_db() { "+" } else { "" }, a.psnr_db() - b_psnr.psnr_db());
    window.get_by_label(&words.replace('-', "−"));
    // As one class, which has another number there.
    run(&mut window, VersusCommand::SetClass(Some(2)));
    window.run_steps(3);
    let answer = versus(&window).answer.as_ref().unwrap().value.clone();
    assert_eq!(answer.class, Some(2));
    let as_square = b.forward(&Batch::of([&alone.noisy]), &[0.3]).unwrap().denoised_as(&[7]).unwrap().picture(0);
    let restored = answer.restored.clone().unwrap();
    let off = restored.picture().values().iter().zip(as_square.values()).map(|(x, y)| (x - y).abs());
    assert!(off.fold(0.0, f32::max) < 1e-5);
    assert!(tile_content(TileKind::VersusA, window.state().document(), window.state().session()).is_some());
    // The reference of all tiles may be B's.
    run(&mut window, TileCommand::SetReference(TileKind::VersusB));
    run(&mut window, NoiseCommand::SetSigma(0.1));
    window.run_steps(3);
    assert!(!versus(&window).answer.as_ref().unwrap().stale);
    window.check_accessibility();
}

#[test]
fn an_attack_on_a_is_shown_to_b() {
    let mut window = oracle();
    let b: Arc<dyn JointModel> = Arc::new(rival());
    set_beside(&mut window, b.clone());
    let settings = Settings::new(Method::Pgd, 0.2).within(Norm::L2, 4.0);
    run(&mut window, AttackCommand::Set(Box::new(settings)));
    run(&mut window, VersusCommand::Show(Mode::Attack));
    window.run_steps(4);
    let attacked = window.state().session().attack.track.shown().expect("an attack without its pane").attacked.clone();
    let found = versus(&window).transferred.as_ref().expect("B was asked").value.clone();
    let said = b.forward(&Batch::of([attacked.picture()]), &[0.2]).unwrap().posterior_of(0);
    assert_eq!(found.after, said.into_iter().rev().collect::<Vec<f64>>());
    assert!(found.denoised.is_some() && found.before != found.after);
    window.get_by_label_contains("B holds");
    window.get_by_label_contains("D(attacked) by B");
}

#[test]
fn a_duel_is_run_shown_marked_when_old_and_called_off() {
    let mut window = oracle();
    let b: Arc<dyn JointModel> = Arc::new(rival());
    set_beside(&mut window, b.clone());
    run(&mut window, VersusCommand::Show(Mode::Duel));
    let settings = DuelSettings { aim: Aim::Widest, norm: Norm::L2, epsilon: 6.0, steps: 8, ..DuelSettings::default() };
    run(&mut window, VersusCommand::SetDuel(settings));
    assert!(versus(&window).duelled.is_none(), "none begins by itself");
    click(&mut window, "Run the duel");
    let found = versus(&window).duelled.as_ref().expect("a duel").value.duelled.clone();
    let session = window.state().session();
    let a = session.model.as_ref().unwrap().joint.clone();
    let clean = session.fitted.as_ref().unwrap().content.picture().map(|v| v.clamp(0.0, 1.0));
    let alone = duel([&*a, &*b], &clean, &settings, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(found.duel, alone.duel, "as the command line finds it");
    assert!(found.duel.achieved.l2 <= 6.0 + 1e-5);
    for kind in [TileKind::DuelFound, TileKind::DuelChange, TileKind::DuelA, TileKind::DuelB, TileKind::DuelDifference]
    {
        assert!(tile_content(kind, window.state().document(), window.state().session()).is_some(), "{kind:?}");
    }
    assert!(window.query_by_label("of the settings before").is_none());
    run(&mut window, VersusCommand::SetDuel(DuelSettings { epsilon: 1.0, ..settings }));
    window.get_by_label("of the settings before");
    run(&mut window, VersusCommand::SetDuel(DuelSettings { epsilon: f64::NAN, ..settings }));
    assert_eq!(versus(&window).duel.epsilon, 1.0);
    run(&mut window, VersusCommand::Close);
    assert!(versus(&window).b.is_none() && versus(&window).duelled.is_none());
    run(&mut window, VersusCommand::RunDuel);
    assert!(said(&window, "a second model"));
}

#[test]
fn a_denoiser_beside_a_classifier_is_compared_by_what_it_restores() {
    let mut window = oracle();
    let pictures = oracle_pictures();
    let mean = pictures[0].values().iter().map(|&v| f64::from(v)).collect();
    let denoiser = GaussianMixture::new(pictures[0].shape(), 1).with(0, 1.0, mean, 0.05);
    set_beside(&mut window, Arc::new(denoiser));
    window.get_by_label_contains("tells no classes apart");
    assert!(versus(&window).answer.as_ref().unwrap().value.restored.is_some());
    run(&mut window, VersusCommand::Show(Mode::Duel));
    window.get_by_label_contains("Model B has one class");
}
