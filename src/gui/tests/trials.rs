//! Several attacks side by side: each as it is alone, one refusal stops no other, and what is old is marked.

use egui_kittest::kittest::Queryable;

use super::{Window, click, oracle, run, use_model};
use crate::attack::{self, Method, Norm, Settings};
use crate::gui::command::{AttackCommand, PictureCommand, TrialsCommand, WindowCommand};
use crate::gui::state::document::TileKind;
use crate::gui::state::pane::Pane;
use crate::gui::state::tile_content::tile_content;
use crate::gui::state::trials::{Shown, Trials};
use crate::joint::GaussianMixture;
use crate::picture::{Batch, Shape};
use crate::task::Cancel;

fn trials(window: &Window) -> &Trials {
    &window.state().session().trials
}

fn choose(window: &mut Window, methods: &[Method]) {
    window.state_mut().host.session.trials.methods = methods.to_vec();
}

#[test]
fn each_attack_is_what_it_is_alone_and_stands_beside_the_others() {
    let mut window = oracle();
    let pane = Settings::new(Method::Bim, 0.2).within(Norm::L2, 3.0).with("steps", 4.0).unwrap();
    run(&mut window, AttackCommand::Set(Box::new(pane.clone())));
    run(&mut window, WindowCommand::Show(Pane::TRIALS));
    assert!(trials(&window).found.is_empty(), "none begins by itself");
    choose(&mut window, &[Method::Fgsm, Method::Bim, Method::GaussianNoise]);
    window.run_steps(1);
    click(&mut window, "Run 3 attacks");
    let session = window.state().session();
    let model = session.model.as_ref().unwrap().joint.clone();
    let clean = session.fitted.as_ref().unwrap().content.picture().map(|v| v.clamp(0.0, 1.0));
    let label = crate::study::ranked(&model.forward(&Batch::of([&clean]), &[0.2]).unwrap().posterior_of(0))[0];
    let found = &trials(&window).found;
    assert_eq!(found.len(), 3);
    assert_eq!(found[1].settings, pane);
    for (index, trial) in found.iter().enumerate() {
        assert_eq!((trial.settings.norm, trial.settings.epsilon), (Norm::L2, 3.0));
        let alone = attack::run(&*model, &Batch::of([&clean]), &[label], &trial.settings, &Cancel::new(), &mut |_| ());
        let ending = trials(&window).ending(index).unwrap();
        assert_eq!(*ending.outcome, alone.unwrap()[0]);
        let document = window.state().document();
        let tile = tile_content(TileKind::Trial(index), document, window.state().session()).unwrap();
        assert_eq!(tile.content.picture(), &ending.outcome.attacked);
        let change = tile_content(TileKind::TrialChange(index), document, window.state().session()).unwrap();
        assert!(change.ends().is_some() && change.operand.is_some());
    }
    let fooled = found.iter().filter(|trial| trial.ending.as_ref().is_ok_and(|e| e.outcome.success)).count();
    window.get_by_label(&format!("{fooled} of 3 fooled the model"));
    window.check_accessibility();
    run(&mut window, TrialsCommand::Show(Shown::Figures));
    window.get_by_label("Gradients");
    run(&mut window, TrialsCommand::Show(Shown::Perturbation));
    // Other settings: what is there is marked, and stays until it is run again.
    assert!(window.query_by_label("of the settings before: run again").is_none());
    run(&mut window, AttackCommand::Set(Box::new(Settings { epsilon: 1.0, ..pane })));
    window.get_by_label("of the settings before: run again");
    // One of them goes to the adversary pane, settings and all.
    let taken = trials(&window).found[2].settings.clone();
    run(&mut window, TrialsCommand::Take(2));
    window.run_steps(2);
    assert_eq!(window.state().document().attack, taken);
    assert!(window.state().session().shows(&Pane::ADVERSARY));
    // Of another picture nothing is left.
    run(&mut window, PictureCommand::Select(1));
    assert!(trials(&window).found.is_empty() && trials(&window).clean.is_none());
}

#[test]
fn what_one_attack_refuses_stops_no_other() {
    let mut window = oracle();
    let shape = Shape::new(1, 8, 8);
    let pixels = || (0..64).map(|i| f64::from(i % 7) / 7.0);
    let two = GaussianMixture::new(shape, 2).with(0, 1.0, pixels().collect(), 0.1).with(
        1,
        1.0,
        pixels().map(|v| 1.0 - v).collect(),
        0.1,
    );
    use_model(&mut window, two);
    // The difference-of-logits ratio is made of three.
    choose(&mut window, &[Method::ApgdDlr, Method::GaussianNoise]);
    run(&mut window, TrialsCommand::Run);
    window.run_steps(4);
    let found = &trials(&window).found;
    assert_eq!(found.len(), 2);
    assert!(found[0].ending.is_err() && found[1].ending.is_ok());
    window.get_by_label_contains("not tried: ");
}
