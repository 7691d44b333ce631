//! What the palette finds beside the menus' commands: attacks, other libraries' presets, defences, targets, kinds of noise, open
//! pictures, recent models.

use super::attack_controls::kept;
use crate::attack::{Defence, Method, Preset, Settings, Target};
use crate::gui::command::{
    AttackCommand, Command, Entry, Menu, ModelCommand, NoiseCommand, PictureCommand, VersusCommand,
};
use crate::gui::state::model::ModelSource;
use crate::gui::view::context::Context;
use crate::picture::NoiseKind;

/// So many targets are listed; among more classes the adversary's own list is shorter to search.
const TARGETS: usize = 250;

/// The findings now; what is chosen already is among them.
#[must_use]
pub fn findings(cx: &Context<'_>) -> Vec<Entry> {
    let mut found = Vec::new();
    // Each says what it is of: it stands in no menu of its own.
    let mut add = |menu, group: &'static str, command: Command, name: String, hint| {
        found.push(Entry::new(menu, found.len(), command, name, hint).under(group));
    };
    for kind in NoiseKind::ALL {
        add(
            Menu::Noise,
            "Noise",
            NoiseCommand::SetKind(kind).into(),
            format!("Noise: {}", kind.title()),
            kind.explanation(),
        );
    }
    let classes = cx.session.classes();
    if classes.len() > 1 {
        let present = &cx.document.attack;
        let set = |settings: Settings| AttackCommand::Set(Box::new(settings)).into();
        for method in Method::ALL.into_iter().filter(|m| m.description().min_classes <= classes.len()) {
            let description = method.description();
            let settings = kept(present, Settings::new(method, present.sigma));
            add(Menu::View, "Attack", set(settings), format!("Attack: {}", description.title), description.about);
        }
        for preset in Preset::ALL.iter().filter(|p| p.method.description().min_classes <= classes.len()) {
            let settings = kept(present, preset.settings(present.sigma));
            let name = format!("Preset: {}, {}", preset.source, preset.title);
            add(Menu::View, "Attack", set(settings), name, "Another library's settings");
        }
        for (defence, name) in
            [(Defence::None, "none"), (Defence::VOTE, "vote over noise"), (Defence::purification(0.1), "purification")]
        {
            let settings = Settings { defence, ..present.clone() };
            add(
                Menu::View,
                "Attack",
                set(settings),
                format!("Defence: {name}"),
                "What stands before the attacked classifier",
            );
        }
        let targets = classes.iter().enumerate().map(|(class, name)| (Target::Class(class), name.clone()));
        for (target, name) in
            [(Target::None, "none, any other class".to_owned())].into_iter().chain(targets).take(TARGETS)
        {
            if present.takes_target(target, classes.len()) {
                let settings = Settings { target, ..present.clone() };
                add(
                    Menu::View,
                    "Attack",
                    set(settings),
                    format!("Target: {name}"),
                    "What the attack wants the picture taken for",
                );
            }
        }
    }
    for (index, entry) in cx.document.pictures.iter().enumerate() {
        let command = PictureCommand::Select(index).into();
        add(Menu::Edit, "Pictures", command, format!("Picture: {}", entry.name), "Look at this open picture");
    }
    for path in &cx.settings.recent_models {
        let source = ModelSource::File(path.clone());
        let name = format!("Use the model {}", source.label());
        add(Menu::Model, "Model", ModelCommand::Use(source.clone()).into(), name, "A model that was used before");
        let name = format!("Compare with {}", source.label());
        add(Menu::Model, "Side by side", VersusCommand::With(source).into(), name, "Sets it beside the model in use");
    }
    found
}
