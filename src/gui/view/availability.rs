//! Which commands can do something now, and which switches are on: for menus and the palette.

use crate::gui::command::{
    AttackCommand, CertifyCommand, Command, EvaluateCommand, ExportCommand, FillCommand, ModelCommand, NoiseCommand,
    PhotoCommand, PictureCommand, TileCommand, TrainCommand, TrialsCommand, VersusCommand, WindowCommand,
};
use crate::gui::state::counting::Count;
use crate::gui::state::document::{Aim, Source};
use crate::gui::state::pane::Pane;
use crate::gui::state::session::Play;
use crate::gui::view::context::Context;

/// What a menu says of a command beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Availability {
    /// For switches and choices: whether this is how it is.
    pub mark: Option<bool>,
    /// Why the command would do nothing.
    pub missing: Option<&'static str>,
}

impl Availability {
    fn mark(on: bool) -> Self {
        Self { mark: Some(on), missing: None }
    }

    fn needs(there: bool, why: &'static str) -> Self {
        Self { mark: None, missing: (!there).then_some(why) }
    }
}

/// What can be said of a command now; `undo`: whether there is something to undo, and to redo.
#[must_use]
pub fn availability(command: &Command, cx: &Context<'_>, undo: (bool, bool)) -> Availability {
    match command {
        Command::Picture(command) => picture(command, cx),
        Command::Export(command) => export(*command, cx),
        Command::Noise(command) => noise(*command, cx),
        Command::Tile(command) => tile(*command, cx),
        Command::Evaluate(command) => evaluate(command, cx),
        Command::Train(command) => train(command, cx),
        Command::Window(command) => window(command, cx, undo),
        Command::Attack(command) => attack(command, cx),
        Command::Certify(command) => certify(*command, cx),
        Command::Trials(command) => trials(*command, cx),
        Command::Photo(command) => photo(*command, cx),
        Command::Explore(_) => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
        Command::Versus(command) => versus(command, cx),
        Command::Model(ModelCommand::ToggleMirror) => Availability::mark(cx.settings.mirror),
        Command::Model(ModelCommand::Restart) => Availability::needs(
            cx.session.model.as_ref().is_some_and(|model| model.script.is_some()),
            "The model in use is no script",
        ),
        Command::Model(_) => Availability::default(),
    }
}

const NO_PICTURE: &str = "No picture is open";
const NO_GRADIENTS: &str = "This model gives no gradients, and so no denoiser";
const ONE_CLASS: &str = "This model has one class: there is nothing to fool";

fn attack(command: &AttackCommand, cx: &Context<'_>) -> Availability {
    use AttackCommand as C;
    let several = cx.session.classes().len() != 1;
    let aim = cx.document.aim(cx.session.classes().len());
    match command {
        C::Aim(Aim::Class) if !several => Availability::needs(false, ONE_CLASS),
        C::Aim(Aim::Denoiser) if cx.session.blind().is_some() => Availability::needs(false, NO_GRADIENTS),
        C::Aim(of) => Availability::mark(*of == aim),
        C::Run => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
        C::Cancel => {
            let pending = cx.questions.attack.is_pending() || cx.questions.denoiser_attack.is_pending();
            Availability::needs(pending, "No attack is going on")
        }
        C::Play | C::SetDenoiser(_) => Availability::default(),
        C::Set(_) | C::Reroll | C::RerollPurify => Availability::needs(several, ONE_CLASS),
    }
}

fn certify(command: CertifyCommand, cx: &Context<'_>) -> Availability {
    let answer = &cx.session.certificate;
    match command {
        _ if cx.session.classes().len() == 1 => Availability::needs(false, ONE_CLASS),
        CertifyCommand::Toggle if cx.document.entry().is_none() => Availability::needs(false, NO_PICTURE),
        CertifyCommand::Toggle => {
            let complete = answer.stopped && answer.count.as_ref().is_some_and(Count::is_complete);
            Availability::needs(!complete, "All votes are counted; other settings begin anew")
        }
        CertifyCommand::Bracket(on) => Availability::mark(answer.bracketed == on),
        CertifyCommand::Set(_) => Availability::default(),
    }
}

fn trials(command: TrialsCommand, cx: &Context<'_>) -> Availability {
    use TrialsCommand as C;
    match command {
        C::Run if cx.session.classes().len() == 1 => Availability::needs(false, ONE_CLASS),
        C::Run => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
        C::Cancel => Availability::needs(cx.questions.trials.is_pending(), "No attacks are going on"),
        C::Toggle(method) => Availability::mark(cx.session.trials.methods.contains(&method)),
        C::Show(shown) => Availability::mark(cx.session.trials.shown == shown),
        C::Take(index) => Availability::needs(cx.session.trials.found.get(index).is_some(), "There is no such attack"),
    }
}

fn versus(command: &VersusCommand, cx: &Context<'_>) -> Availability {
    use VersusCommand as C;
    let second = cx.session.versus.b.as_ref();
    match command {
        C::With(source) => Availability {
            mark: Some(second.is_some_and(|rival| rival.model.source == *source)),
            ..Availability::needs(cx.session.model.is_some(), "There is no model yet to compare with")
        },
        C::Show(mode) => Availability::mark(cx.session.shows(&Pane::VERSUS) && cx.session.versus.mode == *mode),
        C::Close | C::SetClass(_) => Availability::needs(second.is_some(), NO_SECOND),
        C::RunDuel if second.is_none() => Availability::needs(false, NO_SECOND),
        C::RunDuel => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
        C::CancelDuel => Availability::needs(cx.questions.duel.is_pending(), "No duel is going on"),
        C::OpenFile | C::OpenScript | C::SetDuel(_) => Availability::default(),
    }
}

const NO_SECOND: &str = "There is no second model";

fn picture(command: &PictureCommand, cx: &Context<'_>) -> Availability {
    use PictureCommand as C;
    let entry = cx.document.entry();
    let open = |what| Availability::needs(what, NO_PICTURE);
    match command {
        C::Close => open(entry.is_some()),
        C::Next | C::Last => {
            Availability::needs(cx.document.current + 1 < cx.document.pictures.len(), "This is the last picture")
        }
        C::Previous | C::First => Availability::needs(cx.document.current > 0, "This is the first picture"),
        C::SetFit(fit) => match entry {
            Some(entry) => Availability::mark(entry.fit == *fit),
            None => open(false),
        },
        C::ClearDrawing | C::Draw { .. } => Availability::needs(
            entry.is_some_and(|entry| entry.source == Source::Drawn),
            "This picture was not drawn here (Ctrl+N begins a drawing)",
        ),
        C::GoOn => Availability::needs(cx.session.left_open.is_some(), "Nothing is kept of an earlier window"),
        C::Decline
        | C::Open
        | C::OpenFolder
        | C::OpenPaths(_)
        | C::Paste
        | C::NewDrawing
        | C::OpenSamples
        | C::Select(_) => Availability::default(),
    }
}

fn photo(command: PhotoCommand, cx: &Context<'_>) -> Availability {
    use PhotoCommand as C;
    let photo = &cx.session.photo;
    match command {
        C::Save => Availability::needs(photo.result().is_some(), "The pane Photograph has not restored the whole yet"),
        C::Show(shown) => Availability {
            mark: Some(photo.shown == shown),
            ..Availability::needs(cx.document.entry().is_some(), NO_PICTURE)
        },
        C::SetClass(class) => Availability::mark(photo.class == class),
        C::Fill(FillCommand::Begin) => Availability::needs(photo.fill.hole.count() > 0, "No hole is painted"),
        C::Fill(FillCommand::Stop) => {
            Availability::needs(cx.questions.photo_fill.is_pending(), "Nothing is being filled")
        }
        C::Fill(FillCommand::Undo | FillCommand::Clear) => {
            Availability::needs(photo.fill.hole.is_painted(), "No hole is painted")
        }
        C::Fill(FillCommand::Save) => Availability::needs(photo.fill.is_finished(), "No fill of a hole is looked at"),
        C::Fill(FillCommand::LookAt(look)) => Availability::mark(photo.fill.look == look),
        C::Fill(FillCommand::SetForm(_) | FillCommand::Paint { .. }) => Availability::default(),
        C::ToggleWhole => Availability::needs(
            cx.questions.photo_whole.is_pending() || photo.stopped,
            "Nothing of a photograph is being restored",
        ),
        C::WholeInSight | C::ActualPixels | C::Estimate => {
            Availability::needs(cx.document.entry().is_some(), NO_PICTURE)
        }
    }
}

fn export(command: ExportCommand, cx: &Context<'_>) -> Availability {
    use ExportCommand as C;
    match command {
        C::SaveTile(_) | C::CopyTile(_) | C::SaveSheet | C::SaveData => {
            Availability::needs(cx.session.answer.study.is_some(), "There is no result yet")
        }
        C::SaveSession | C::CopyCommandLine => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
    }
}

fn noise(command: NoiseCommand, cx: &Context<'_>) -> Availability {
    use NoiseCommand as C;
    let own = "The picture's own noise is assumed: none is added";
    match command {
        C::SetSigma(sigma) => Availability::mark((cx.document.noise.sigma - sigma).abs() < 1e-4),
        C::SetKind(kind) => Availability {
            mark: Some(cx.document.noise.kind == kind),
            ..Availability::needs(!cx.document.already_noisy, own)
        },
        C::Reroll | C::SetSeed(_) => Availability::needs(!cx.document.already_noisy, own),
        C::ToggleAlreadyNoisy => Availability::mark(cx.document.already_noisy),
        C::EstimateSigma => Availability::needs(cx.document.entry().is_some(), NO_PICTURE),
        C::Play => Availability {
            mark: Some(matches!(cx.session.play, Some(Play::Sigma))),
            ..Availability::needs(cx.document.entry().is_some(), NO_PICTURE)
        },
        C::ScaleSigma(_) => Availability::default(),
    }
}

fn tile(command: TileCommand, cx: &Context<'_>) -> Availability {
    use TileCommand as C;
    match command {
        C::SetCompare(compare) => Availability::mark(cx.document.compare == compare),
        C::SetReference(kind) => Availability::mark(cx.document.reference == kind),
        C::ToggleWipe => Availability::mark(cx.session.wipe.is_some()),
        C::ToggleGrid => Availability::mark(cx.settings.grid),
        C::ToggleSorted => Availability::mark(cx.settings.sorted),
        C::SetReading(reading) => Availability::mark(cx.document.reading == reading),
        C::SetGuidance(guidance) => Availability::mark(cx.document.guidance == guidance),
        C::TogglePresented(kind) => Availability::mark(cx.session.presented().contains(&kind)),
        C::TogglePin(class) => Availability::mark(cx.document.pinned.contains(&class)),
        C::SetLook(..) | C::Zoom(_) | C::ResetView => Availability::default(),
    }
}

fn evaluate(command: &EvaluateCommand, cx: &Context<'_>) -> Availability {
    use EvaluateCommand as C;
    let evaluation = &cx.features.evaluation;
    match command {
        C::Start => Availability::needs(evaluation.running.is_none(), "An evaluation is going on"),
        C::Stop => Availability::needs(evaluation.running.is_some(), "No evaluation is going on"),
        C::Resume => Availability::needs(evaluation.unfinished.is_some(), "No evaluation was stopped before its end"),
        C::Save(_) => Availability::needs(evaluation.result.is_some(), "There is no result yet"),
        C::CopyCommand => {
            Availability::needs(!cx.settings.evaluation.data.trim().is_empty(), "There is no data to evaluate on yet")
        }
        C::Set(_) | C::SetData(_) | C::SetOthers(_) | C::ChooseData | C::ChooseOthers | C::OpenMistake(_) => {
            Availability::default()
        }
    }
}

fn train(command: &TrainCommand, cx: &Context<'_>) -> Availability {
    use TrainCommand as C;
    let now = &cx.features.training.now;
    let running = now.is_busy();
    match command {
        C::Resume if !running => {
            let named = !cx.settings.training.out.trim().is_empty();
            Availability::needs(named, "The pane Training names no model file whose run could go on")
        }
        C::Start { .. } | C::Resume => Availability::needs(!running, "A training run is going on"),
        C::Pause => Availability::needs(running, "No training run is going on"),
        C::Open => Availability::needs(now.out.is_some(), "No run has written a model yet"),
        C::Set(_) | C::SetData(_) | C::SetOut(_) | C::ChooseData | C::ChooseOut | C::ChooseLog | C::Follow(_) => {
            Availability::default()
        }
    }
}

fn window(command: &WindowCommand, cx: &Context<'_>, undo: (bool, bool)) -> Availability {
    use WindowCommand as C;
    match command {
        C::Undo => Availability::needs(undo.0, "There is nothing to take back"),
        C::Redo => Availability::needs(undo.1, "Nothing was taken back"),
        C::ToggleFilmstrip => Availability::mark(cx.settings.filmstrip),
        C::Present => Availability::mark(cx.session.presenting),
        C::Enlarge(_) => Availability::mark(cx.session.enlarged.is_some()),
        C::Show(pane) => Availability::mark(cx.session.shows(pane)),
        C::Quit
        | C::ToggleTheme
        | C::ScaleInterface(_)
        | C::ResetScale
        | C::ResetLayout
        | C::Palette
        | C::Help
        | C::Words
        | C::Notices
        | C::Pad
        | C::SaveTo { .. }
        | C::ForgetTrouble
        | C::Tour
        | C::TourTo(_)
        | C::EndTour => Availability::default(),
    }
}
