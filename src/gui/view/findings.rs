//! What the palette finds beside the menus' commands: attacks, other libraries' presets, defences, targets, kinds of noise, levels and
//! seeds of the number that was typed, crops, the menus of the tiles that there are, open pictures, recent models.

use super::attack_controls::kept;
use crate::attack::{Defence, Method, Preset, Settings, Smoothing, Target};
use crate::gui::command::{
    AttackCommand, CertifyCommand, Command, Entry, ExploreCommand, ExportCommand, Menu, ModelCommand, NoiseCommand,
    PictureCommand, TileCommand, VersusCommand,
};
use crate::gui::gpu::{Channel, Look, Mode};
use crate::gui::state::document::TileKind;
use crate::gui::state::explore::Mode as ExploreMode;
use crate::gui::state::tile_content::tile_content;
use crate::gui::view::context::Context;
use crate::gui::view::level_field::Scale;
use crate::gui::view::tile::GAINS;
use crate::picture::{Fit, NoiseKind, Rect};
use crate::study::level::of_255;

/// So many targets are listed; among more classes the adversary's own list is shorter to search.
const TARGETS: usize = 250;

/// The findings now for what was typed; what is chosen already is among them.
#[must_use]
pub fn findings(cx: &Context<'_>, query: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    numbers(cx, query, &mut found);
    crops(cx, &mut found);
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
        let others = [
            (Target::None, "none, any other class"),
            (Target::Random, "a random class"),
            (Target::LeastLikely, "the least likely class"),
        ];
        let others = others.map(|(target, name)| (target, name.to_owned()));
        for (target, name) in others.into_iter().chain(targets).take(TARGETS) {
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
    for (mode, name, hint) in [
        (ExploreMode::Samples, "Draw pictures", "From the model, by the settings of the pane Explore"),
        (ExploreMode::Fill, "Fill the hole", "With what could be in the hole that is painted in the pane Explore"),
        (ExploreMode::Dial, "Turn the dial", "Towards the class that is chosen in the pane Explore"),
    ] {
        add(Menu::View, "Explore", ExploreCommand::Begin(mode).into(), name.to_owned(), hint);
    }
    for (index, entry) in cx.document.pictures.iter().enumerate() {
        let command = PictureCommand::Select(index).into();
        add(Menu::Edit, "Pictures", command, format!("Picture: {}", entry.name), "Look at this open picture");
    }
    for source in cx.settings.used_models() {
        let name = format!("Use the model {}", source.label());
        add(Menu::Model, "Model", ModelCommand::Use(source.clone()).into(), name, "A model that was used before");
        let name = format!("Compare with {}", source.label());
        add(Menu::Model, "Side by side", VersusCommand::With(source).into(), name, "Sets it beside the model in use");
    }
    tiles(cx, &mut found);
    found
}

/// Levels and seeds of the number that was typed; without one, other seeds.
fn numbers(cx: &Context<'_>, query: &str, found: &mut Vec<Entry>) {
    let mut add = |group: &'static str, command: Command, name: String, hint| {
        found.push(Entry::new(Menu::Noise, found.len(), command, name, hint).under(group));
    };
    let (attack, smoothing) = (&cx.document.attack, cx.document.smoothing);
    let typed = || query.split_whitespace();
    if let Some(level) = typed().find_map(|word| Scale::Bytes.read(word, 1.0).ok()).filter(|level| *level > 0.0) {
        let sigma = NoiseCommand::SetSigma((level / 255.0) as f32).into();
        add(
            "Noise",
            sigma,
            format!("σ = {}/255", of_255((level / 255.0) as f32)),
            "The level of the noise, by the number typed",
        );
    }
    if let Some(seed) = typed().find_map(|word| word.parse::<u64>().ok()) {
        let hint = "The same seed gives the same random numbers";
        add("Noise", NoiseCommand::SetSeed(seed).into(), format!("Seed of the noise: {seed}"), hint);
        let settings = Settings { seed, ..attack.clone() };
        add("Attack", AttackCommand::Set(Box::new(settings)).into(), format!("Seed of the attack: {seed}"), hint);
        let smoothing = Smoothing { seed, ..smoothing };
        add("Certificate", CertifyCommand::Set(smoothing).into(), format!("Seed of the certificate: {seed}"), hint);
        return;
    }
    let hint = "Other random numbers; type a number for that seed";
    add("Attack", AttackCommand::Reroll.into(), "New seed of the attack".to_owned(), hint);
    add("Attack", AttackCommand::RerollPurify.into(), "New seed of the purification".to_owned(), hint);
    let smoothing = Smoothing { seed: smoothing.seed.wrapping_add(1), ..smoothing };
    add("Certificate", CertifyCommand::Set(smoothing).into(), "New seed of the certificate".to_owned(), hint);
}

/// Frames to begin with, which the pane Picture moves and resizes.
fn crops(cx: &Context<'_>, found: &mut Vec<Entry>) {
    let (Some(entry), Some(model)) = (cx.document.entry(), &cx.session.model) else { return };
    let (shape, wanted) = (entry.original.picture().shape(), model.joint.shape());
    let size = [shape.width as f32, shape.height as f32];
    let least = (size[0] / wanted.width as f32).min(size[1] / wanted.height as f32);
    for (name, scale) in
        [("Crop: the middle, half of what fits", 0.5 * least), ("Crop: the middle, pixel by pixel", 1.0_f32.min(least))]
    {
        let [width, height] = [scale * wanted.width as f32, scale * wanted.height as f32];
        let rect = Rect { x: (size[0] - width) / 2.0, y: (size[1] - height) / 2.0, width, height };
        let hint = "The part that the model sees; the pane Picture moves it and changes its size";
        let command = PictureCommand::SetFit(Fit::Crop(rect));
        found.push(Entry::new(Menu::Edit, found.len(), command, name, hint).under("Picture"));
    }
}

/// The tiles whose menus are found, beside those of classes and of several attacks.
const TILES: [TileKind; 42] = [
    TileKind::Clean,
    TileKind::Noisy,
    TileKind::Denoised,
    TileKind::Residual,
    TileKind::Error,
    TileKind::Attacked,
    TileKind::Perturbation,
    TileKind::AttackedDenoised,
    TileKind::AttackGradient,
    TileKind::PurifyNoisy,
    TileKind::Purified,
    TileKind::NoisyAttacked,
    TileKind::NoisyPerturbation,
    TileKind::RestoredBefore,
    TileKind::RestoredAfter,
    TileKind::RestoredChange,
    TileKind::Rest,
    TileKind::DoubtClasses,
    TileKind::DoubtDetails,
    TileKind::DoubtTotal,
    TileKind::Component,
    TileKind::Walked,
    TileKind::Filter,
    TileKind::EvidenceMap,
    TileKind::VersusA,
    TileKind::VersusB,
    TileKind::VersusDifference,
    TileKind::TransferDenoised,
    TileKind::DuelFound,
    TileKind::DuelChange,
    TileKind::DuelA,
    TileKind::DuelB,
    TileKind::DuelDifference,
    TileKind::Samples,
    TileKind::Hole,
    TileKind::Fills,
    TileKind::FillMean,
    TileKind::FillSpread,
    TileKind::Turned,
    TileKind::TurnedChange,
    TileKind::Plain,
    TileKind::PlainChange,
];

/// What a right click on each tile offers.
fn tiles(cx: &Context<'_>, found: &mut Vec<Entry>) {
    let classes = cx.session.classes();
    let each = cx.session.answer.classes.iter().map(|tile| TileKind::Class(tile.class));
    let trials =
        (0..cx.session.trials.found.len()).flat_map(|index| [TileKind::Trial(index), TileKind::TrialChange(index)]);
    let all = TILES.into_iter().chain(each).chain(trials);
    for kind in all.filter(|&kind| tile_content(kind, cx.document, cx.session).is_some()) {
        let tile = match kind {
            TileKind::TrialChange(index) => format!("Change by attack {}", index + 1),
            TileKind::DuelDifference => "Duel, A − B".to_owned(),
            other => other.label(classes),
        };
        let mut add = |command: Command, what: &str, hint| {
            let name = format!("{tile}: {what}");
            found.push(Entry::new(Menu::View, found.len(), command, name, hint).under("Tile"));
        };
        add(ExportCommand::SaveTile(kind).into(), "save…", "The tile as it is seen, in a PNG file");
        add(ExportCommand::CopyTile(kind).into(), "copy", "The tile as it is seen, to the clipboard");
        if kind.is_picture() {
            add(TileCommand::SetReference(kind).into(), "make it the reference", "What other tiles are compared with");
        }
        add(TileCommand::TogglePresented(kind).into(), "in the presentation", "Show it there, or no longer");
        if let TileKind::Class(class) = kind {
            add(TileCommand::TogglePin(class).into(), "pin large", "Show the class large, or no longer");
        }
        let look = cx.session.look(kind);
        for (what, gain) in [("twice the gain", 2.0 * look.gain), ("half the gain", 0.5 * look.gain)] {
            let look = Look { gain: gain.clamp(GAINS[0], GAINS[1]), ..look };
            add(TileCommand::SetLook(kind, look).into(), what, "How far its values are spread over the colours");
        }
        for (what, offset) in [("lighter", look.offset + 0.1), ("darker", look.offset - 0.1)] {
            let look = Look { offset: offset.clamp(-1.0, 1.0), ..look };
            add(TileCommand::SetLook(kind, look).into(), what, "What is added to its values, after the gain");
        }
        for mode in Mode::ALL {
            let look = Look { mode, ..look };
            add(TileCommand::SetLook(kind, look).into(), mode.label(), "How its values become colours");
        }
        for channel in Channel::ALL {
            let look = Look { channel, ..look };
            add(TileCommand::SetLook(kind, look).into(), channel.label(), "Which channels are shown");
        }
        add(TileCommand::SetLook(kind, kind.look()).into(), "as it was", "Colours, channel and gain of the beginning");
    }
}
