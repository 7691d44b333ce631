//! The slider and the timeline by themselves: σ from the least noise to the most, an attack from its first step to its last.

use crate::gui::state::session::Play;
use crate::gui::work::host::Host;
use crate::gui::work::tasks::slider_range;

/// How long σ takes from one end to the other, in seconds.
const SIGMA: f32 = 12.0;
/// How long a step of the timeline is looked at.
const STEP: f32 = 0.15;
/// No frame moves further than this many seconds.
const LONGEST: f32 = 0.1;

/// Begins to play, or stops.
pub fn toggle(host: &mut Host, play: Play) {
    if host.session.play.is_some_and(|now| std::mem::discriminant(&now) == std::mem::discriminant(&play)) {
        host.session.play = None;
        return;
    }
    match play {
        Play::Sigma => {
            // One step to take back, however long it plays.
            let before = host.document.clone();
            let (from, to) = ends(host);
            if host.document.noise.sigma >= 0.999 * to {
                // A change of the frame's, which notes it.
                host.document.noise.sigma = from;
            } else {
                host.history.record(before, false);
            }
        }
        Play::Steps(_) => {
            let aim = host.document.aim(host.session.classes().len());
            host.session.track_mut(aim).at = Some(0);
        }
    }
    host.session.play = Some(play);
}

/// Goes on by as much as time passed.
pub fn poll(host: &mut Host) {
    let Some(play) = host.session.play else { return };
    let passed = host.ctx.input(|i| i.stable_dt).min(LONGEST);
    host.ctx.request_repaint();
    match play {
        // Each level is shown before the next.
        Play::Sigma if host.questions.study.is_pending() => {}
        Play::Sigma => {
            let (from, to) = ends(host);
            let sigma = &mut host.document.noise.sigma;
            *sigma = (sigma.clamp(from, to) * (to / from).powf(passed / SIGMA)).min(to);
            if *sigma >= to {
                host.session.play = None;
            }
        }
        Play::Steps(waited) => {
            let aim = host.document.aim(host.session.classes().len());
            let track = host.session.track_mut(aim);
            let waited = waited + passed;
            if waited < STEP {
                host.session.play = Some(Play::Steps(waited));
                return;
            }
            let next = track.position() + 1;
            let ends = next + 1 >= track.len();
            track.at = (!ends).then_some(next);
            host.session.play = (!ends).then_some(Play::Steps(0.0));
        }
    }
}

fn ends(host: &Host) -> (f32, f32) {
    host.session.model.as_ref().map_or((1.0 / 255.0, 1.0), |model| {
        let range = model.joint.sigma_range();
        slider_range(range.min, range.max)
    })
}
