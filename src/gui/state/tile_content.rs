//! What each tile shows: its pictures, its measure, and whether it is old.

use super::answers::Measured;
use super::document::{Document, Reading, TileKind};
use super::session::Session;
use super::track::Restored;
use crate::gui::gpu::{Compare, Content, Look, Mode};
use crate::picture::Picture;
use crate::study::Fidelity;
use crate::study::words::significant;

/// A tile's pictures and numbers.
#[derive(Debug, Clone)]
pub struct TileContent {
    /// What it shows.
    pub content: Content,
    /// What is subtracted, for maps; or the reference, for comparisons.
    pub operand: Option<Content>,
    /// How it looks.
    pub look: Look,
    /// The value that the end of the colour scale stands for, for maps.
    pub scale: Option<f32>,
    /// How near it is to the clean picture, for pictures.
    pub fidelity: Option<Fidelity>,
    /// It belongs to an earlier question.
    pub stale: bool,
    /// The tile that it is compared with, where the person asked for a comparison.
    pub against: Option<TileKind>,
}

impl TileContent {
    /// Whether it shows a picture, not a map: what flip and wipe can show the reference instead of.
    #[must_use]
    pub fn is_picture(&self) -> bool {
        self.scale.is_none()
    }

    /// The tile's title, of its own name and the reference's: what its picture is now.
    #[must_use]
    pub fn title(&self, own: &str, reference: &str) -> String {
        if self.against.is_none() {
            return own.to_owned();
        }
        match self.look.compare {
            Compare::Plain => own.to_owned(),
            Compare::Error => format!("{own} − {reference}"),
            Compare::Absolute => format!("|{own} − {reference}|"),
            Compare::Squared => format!("({own} − {reference})²"),
            Compare::Relative => format!("|{own} − {reference}| / {reference}"),
        }
    }

    /// The values at both ends of the colour scale, for maps.
    #[must_use]
    pub fn ends(&self) -> Option<[f32; 2]> {
        self.scale?;
        let Look { mode, gain, offset, .. } = self.look;
        let low = if mode == Mode::Signed { -1.0 } else { 0.0 };
        Some([low, 1.0].map(|end| (end - offset) / gain))
    }

    /// What there is to say about it, in words: how near it is, or what its colours mean.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match (self.ends(), self.fidelity) {
            (Some([low, high]), _) => Some(format!("colours from {} to {}", significant(low), significant(high))),
            (None, Some(fidelity)) if fidelity.psnr_db().is_finite() => {
                Some(fidelity.measured().map(|(metric, value)| metric.brief(value)).collect::<Vec<_>>().join(", "))
            }
            _ => None,
        }
    }
}

/// What the tile shows now, if there is something.
#[must_use]
pub fn tile_content(kind: TileKind, document: &Document, session: &Session) -> Option<TileContent> {
    let raw = raw(kind, document, session)?;
    let mut look = session.look(kind);
    if let TileKind::Class(_) | TileKind::Rest = kind
        && document.reading != Reading::Restored
        && !session.looks.contains_key(&kind.family())
    {
        look = Look::signed(1.0);
    }
    let mut operand = raw.operand;
    let mut against = None;
    if operand.is_some() {
        look.compare = Compare::Error;
    } else if document.compare != Compare::Plain && kind.is_picture() && kind != document.reference {
        operand = picture(document.reference, document, session);
        against = operand.as_ref().map(|_| document.reference);
        look.compare = if operand.is_some() { document.compare } else { Compare::Plain };
        look.mode = if document.compare == Compare::Error { Mode::Signed } else { Mode::FalseColour };
    } else {
        look.compare = Compare::Plain;
    }
    let scale = (look.mode != Mode::Picture).then(|| {
        let full = raw.full.unwrap_or_else(|| full_scale(raw.content.picture(), operand.as_ref(), look.compare));
        full / look.gain
    });
    if let Some(scale) = scale {
        look.gain = 1.0 / scale;
    }
    Some(TileContent { content: raw.content, operand, look, scale, fidelity: raw.fidelity, stale: raw.stale, against })
}

/// The picture behind a tile, for use as a reference; differences have none.
#[must_use]
pub fn picture(kind: TileKind, document: &Document, session: &Session) -> Option<Content> {
    let raw = raw(kind, document, session)?;
    raw.operand.is_none().then_some(raw.content)
}

struct Raw {
    content: Content,
    operand: Option<Content>,
    fidelity: Option<Fidelity>,
    stale: bool,
    /// The value at the end of the colour scale, where it is not to be found in the picture itself.
    full: Option<f32>,
}

impl Raw {
    fn of(content: &Content) -> Self {
        Self { content: content.clone(), operand: None, fidelity: None, stale: false, full: None }
    }

    fn measured(of: &Measured) -> Self {
        Self::of(&of.content).with(Some(of.fidelity))
    }

    fn minus(self, operand: &Content) -> Self {
        Self { operand: Some(operand.clone()), ..self }
    }

    fn stale(self, stale: bool) -> Self {
        Self { stale, ..self }
    }

    fn with(self, fidelity: Option<Fidelity>) -> Self {
        Self { fidelity, ..self }
    }
}

fn raw(kind: TileKind, document: &Document, session: &Session) -> Option<Raw> {
    let answer = &session.answer;
    // With noise of its own, the picture is the noisy one and a clean one is not known.
    let clean = || session.fitted.as_ref().filter(|_| !document.already_noisy).map(|f| &f.content);
    match kind {
        TileKind::Clean => Some(Raw::of(clean()?)),
        TileKind::Noisy => {
            let noisy = answer.noisy.as_ref()?;
            Some(Raw::of(&noisy.value).stale(noisy.stale).with(answer.noisy_fidelity))
        }
        TileKind::Denoised => {
            let denoised = answer.denoised.as_ref()?;
            Some(Raw::of(&denoised.value).stale(denoised.stale).with(answer.denoised_fidelity))
        }
        TileKind::Residual => {
            let denoised = answer.denoised.as_ref()?;
            Some(Raw::of(&answer.noisy.as_ref()?.value).minus(&denoised.value).stale(denoised.stale))
        }
        TileKind::Error => {
            let denoised = answer.denoised.as_ref()?;
            Some(Raw::of(&denoised.value).minus(clean()?).stale(denoised.stale))
        }
        TileKind::Class(class) => {
            let tile = answer.class(class)?;
            class_tile(Raw::of(&tile.content).stale(tile.stale), tile.fidelity, document, session)
        }
        TileKind::Rest => {
            let rest = answer.rest.as_ref()?;
            class_tile(Raw::of(&rest.value.content).stale(rest.stale), rest.value.fidelity, document, session)
        }
        TileKind::Attacked => {
            let attack = &session.attack;
            Some(Raw::of(&attack.track.shown()?.attacked).stale(attack.stale).with(attack.fidelity))
        }
        TileKind::Perturbation => Some(
            Raw::of(&session.attack.track.shown()?.attacked)
                .minus(&session.fitted.as_ref()?.content)
                .stale(session.attack.stale),
        ),
        TileKind::AttackedDenoised => {
            let attack = &session.attack;
            Some(Raw::measured(attack.denoised.as_ref()?).stale(attack.stale || attack.probe_stale))
        }
        TileKind::AttackGradient => {
            let attack = &session.attack;
            Some(Raw::of(attack.gradient.as_ref()?).stale(attack.stale || attack.probe_stale))
        }
        TileKind::PurifyNoisy => purified_tile(0, session),
        TileKind::Purified => purified_tile(1, session),
        TileKind::NoisyAttacked
        | TileKind::NoisyPerturbation
        | TileKind::RestoredBefore
        | TileKind::RestoredAfter
        | TileKind::RestoredChange => denoiser_attack_tile(kind, session),
        TileKind::DoubtClasses => doubt_tile(0, session),
        TileKind::DoubtDetails => doubt_tile(1, session),
        TileKind::DoubtTotal => doubt_tile(2, session),
        TileKind::Component => {
            let stale = session.explore.components.as_ref()?.stale;
            Some(Raw::of(session.explore.direction.as_ref()?).stale(stale))
        }
        TileKind::Walked => {
            let stale = session.explore.components.as_ref()?.stale;
            Some(Raw::of(session.explore.walked.as_ref()?).stale(stale))
        }
        TileKind::Filter => {
            let stale = session.explore.filter.as_ref()?.stale;
            Some(Raw::of(session.explore.weights.as_ref()?).stale(stale))
        }
        TileKind::VersusA => versus_a(session),
        TileKind::VersusB => versus_b(session),
        TileKind::VersusDifference => {
            let (a, b) = (versus_a(session)?, versus_b(session)?);
            let stale = a.stale || b.stale;
            Some(Raw { fidelity: None, ..a }.minus(&b.content).stale(stale))
        }
        TileKind::TransferDenoised => {
            let found = session.versus.transferred.as_ref()?;
            Some(Raw::measured(found.value.denoised.as_ref()?).stale(found.stale))
        }
        TileKind::DuelFound | TileKind::DuelChange | TileKind::DuelA | TileKind::DuelB | TileKind::DuelDifference => {
            duel_tile(kind, session)
        }
        TileKind::Trial(index) => {
            let ending = session.trials.ending(index)?;
            let fidelity =
                session.trials.clean.as_ref().map(|clean| Fidelity::of(&ending.outcome.attacked, clean.picture()));
            Some(Raw::of(&ending.attacked).with(fidelity))
        }
        TileKind::TrialChange(index) => {
            Some(Raw::of(&session.trials.ending(index)?.attacked).minus(session.trials.clean.as_ref()?))
        }
        TileKind::EvidenceMap => Some(Raw::of(session.explore.evidence_map.as_ref()?)),
        other => drawn_tile(other, session),
    }
}

/// The attacked picture with noise, or what is restored of that.
fn purified_tile(index: usize, session: &Session) -> Option<Raw> {
    let attack = &session.attack;
    Some(Raw::measured(&attack.purified_tiles.as_ref()?[index]).stale(attack.stale || attack.purified_stale))
}

/// A tile of the attack on the denoiser, at the step that is looked at.
fn denoiser_attack_tile(kind: TileKind, session: &Session) -> Option<Raw> {
    let attack = &session.denoiser_attack;
    let restored = |of: &Restored| Raw::of(&of.content).with(of.fidelity);
    let step = attack.track.shown();
    let raw = match kind {
        TileKind::NoisyAttacked => Raw::of(&step?.attacked),
        TileKind::NoisyPerturbation => Raw::of(&step?.attacked).minus(attack.noisy.as_ref()?),
        TileKind::RestoredBefore => restored(attack.before.as_ref()?),
        TileKind::RestoredAfter => restored(step?.restored.as_ref()?),
        _ => Raw::of(&step?.restored.as_ref()?.content).minus(&attack.before.as_ref()?.content),
    };
    Some(raw.stale(attack.stale))
}

/// What is drawn in the pane Explore.
fn drawn_tile(kind: TileKind, session: &Session) -> Option<Raw> {
    let drawn = &session.explore.drawn;
    let turned = |index: usize| Some(Raw::of(&drawn.turned.as_ref()?[index]));
    let change = |index: usize| Some(turned(index)?.minus(&session.fitted.as_ref()?.content));
    match kind {
        TileKind::Samples => Some(Raw::of(drawn.grid.as_ref()?)),
        TileKind::Hole => Some(Raw::of(drawn.holed.as_ref()?)),
        TileKind::Fills => Some(Raw::of(drawn.filled.as_ref()?)),
        TileKind::FillMean => Some(Raw::of(drawn.mean.as_ref()?)),
        TileKind::FillSpread => {
            let (spread, largest) = drawn.spread.as_ref()?;
            Some(Raw { full: Some(*largest), ..Raw::of(spread) })
        }
        TileKind::Turned => turned(0),
        TileKind::TurnedChange => change(0),
        TileKind::Plain => turned(1),
        TileKind::PlainChange => change(1),
        _ => None,
    }
}

/// What A restores, as B does: D, or as the class that both are asked for.
fn versus_a(session: &Session) -> Option<Raw> {
    let answer = &session.answer;
    match session.versus.class {
        None => {
            let denoised = answer.denoised.as_ref()?;
            Some(Raw::of(&denoised.value).stale(denoised.stale).with(answer.denoised_fidelity))
        }
        Some(class) => {
            let tile = answer.class(class)?;
            Some(Raw::of(&tile.content).stale(tile.stale).with(tile.fidelity))
        }
    }
}

/// What B restores, if it is of the class that is looked at.
fn versus_b(session: &Session) -> Option<Raw> {
    let found = session.versus.answer.as_ref()?;
    let stale = found.stale || found.value.class != session.versus.class;
    Some(Raw::of(found.value.restored.as_ref()?).stale(stale).with(found.value.fidelity))
}

/// A tile of the last duel.
fn duel_tile(kind: TileKind, session: &Session) -> Option<Raw> {
    let found = session.versus.duelled.as_ref()?;
    let tiles = &found.value;
    let [a, b] = &tiles.denoised;
    let raw = match kind {
        TileKind::DuelChange => Raw::of(&tiles.found).minus(&tiles.clean),
        TileKind::DuelA => Raw::of(a),
        TileKind::DuelB => Raw::of(b),
        TileKind::DuelDifference => Raw::of(a).minus(b),
        _ => Raw::of(&tiles.found),
    };
    Some(raw.stale(found.stale))
}

/// A map of doubt, on one scale with the others.
fn doubt_tile(index: usize, session: &Session) -> Option<Raw> {
    let tiles = session.explore.tiles.as_ref()?;
    let stale = session.explore.doubt.as_ref().is_some_and(|doubt| doubt.stale);
    Some(Raw { full: Some(tiles.scale), ..Raw::of(tiles.maps[index].as_ref()?).stale(stale) })
}

/// What the grid shows of a class, or of all others, from what was restored.
fn class_tile(restored: Raw, fidelity: Option<Fidelity>, document: &Document, session: &Session) -> Option<Raw> {
    let answer = &session.answer;
    let against = match document.reading {
        Reading::Restored => return Some(restored.with(fidelity)),
        Reading::Gradient => answer.denoised.as_ref()?.value.clone(),
        Reading::AgainstTop => answer.class(answer.top()?)?.content.clone(),
    };
    // One scale for all classes, so that they can be compared.
    let contents = answer.classes.iter().map(|tile| &tile.content).chain(answer.rest.iter().map(|r| &r.value.content));
    let full = contents.map(|content| full_scale(content.picture(), Some(&against), Compare::Error));
    let full = full.fold(0.0, f32::max);
    Some(Raw { full: Some(full), ..restored.minus(&against) })
}

/// The largest magnitude that the map shows, so that by default nothing is cut off.
fn full_scale(content: &Picture, operand: Option<&Content>, compare: Compare) -> f32 {
    let shape = content.shape();
    let size = shape.height * shape.width;
    let operand = operand.map(Content::picture).filter(|o| o.shape() == shape);
    let mut largest = 0.0_f32;
    for i in 0..size {
        let mut sum = 0.0;
        for channel in 0..shape.channels {
            let a = content.values()[channel * size + i];
            let b = operand.map_or(0.0, |o| o.values()[channel * size + i]);
            sum += match compare {
                Compare::Plain => a,
                Compare::Error => a - b,
                Compare::Absolute => (a - b).abs(),
                Compare::Squared => (a - b) * (a - b),
                Compare::Relative => (a - b).abs() / (b.abs() + 0.01),
            };
        }
        largest = largest.max((sum / shape.channels as f32).abs());
    }
    if largest.is_finite() && largest > 1e-6 { largest } else { 1e-6 }
}
