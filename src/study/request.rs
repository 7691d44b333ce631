//! What is asked of a model: a picture, its noise, and the classes to denoise it as.

use crate::attack::Target;
use crate::picture::{Noise, Picture};
use crate::{Error, Result};

/// The picture of a request, fitted to the model's shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A clean picture, to which noise is added. Residuals and PSNR are then known.
    Clean {
        /// The picture, in [0, 1].
        picture: Picture,
        /// The noise to add. A sigma of 0 adds none.
        noise: Noise,
    },
    /// A picture with noise of its own.
    Noisy(Picture),
}

impl Subject {
    /// The picture as it was given.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        match self {
            Self::Clean { picture, .. } | Self::Noisy(picture) => picture,
        }
    }
}

/// The classes whose conditional denoisers are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Classes {
    /// Every class of a model with up to [`Self::ALL_UP_TO`]; of one with more, the [`Self::TOP`] most probable.
    #[default]
    Usual,
    /// Every class, the most probable first.
    All,
    /// The N most probable classes, the most probable first.
    Top(usize),
    /// These classes, by index, in this order.
    List(Vec<usize>),
}

impl Classes {
    /// How many classes a model may have for all of them to be the usual ones.
    pub const ALL_UP_TO: usize = 16;
    /// How many are the usual ones where there are more.
    pub const TOP: usize = 12;

    /// Reads `all`, a number N for the N most probable, or class names separated by commas.
    ///
    /// A class whose name is a number is asked for with a comma: `3,` is the class named 3.
    ///
    /// # Errors
    /// [`Error::Option`] naming `option` if a name is none of `names`.
    pub fn parse(option: &str, text: &str, names: &[String]) -> Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Ok(count) = text.parse() {
            return Ok(Self::Top(count));
        }
        let asked = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let list = asked.map(|name| class_index(option, name, names)).collect::<Result<Vec<_>>>()?;
        if list.is_empty() {
            return Err(Error::option(option, format!("{text:?} names no class: write all, a number, or names")));
        }
        Ok(Self::List(list))
    }

    /// Those of so many classes that are asked for whatever the posterior is; none where which are the likeliest has to be known.
    pub(super) fn known(&self, classes: usize) -> Vec<usize> {
        match self {
            Self::All => (0..classes).collect(),
            Self::Usual if classes <= Self::ALL_UP_TO => (0..classes).collect(),
            Self::List(list) => list.clone(),
            Self::Usual | Self::Top(_) => Vec::new(),
        }
    }

    /// The asked classes, as indices, each once, under a posterior.
    pub(super) fn resolve(&self, posterior: &[f64]) -> Vec<usize> {
        let count = match self {
            Self::Usual if posterior.len() > Self::ALL_UP_TO => Self::TOP,
            Self::Usual | Self::All => posterior.len(),
            Self::Top(count) => *count,
            Self::List(list) => {
                let again = |(at, class): (usize, &usize)| (!list[..at].contains(class)).then_some(*class);
                return list.iter().enumerate().filter_map(again).collect();
            }
        };
        ranked(posterior).into_iter().take(count).collect()
    }
}

/// The index of the class called `name`.
///
/// # Errors
/// [`Error::Option`] naming `option` and the classes that there are.
pub fn class_index(option: &str, name: &str, names: &[String]) -> Result<usize> {
    let found =
        names.iter().position(|n| n == name).or_else(|| names.iter().position(|n| n.eq_ignore_ascii_case(name)));
    found.ok_or_else(|| {
        let mut known = names.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
        if names.len() > 12 {
            known.push_str(", …");
        }
        Error::option(option, format!("the model has no class {name:?}; it has {known}"))
    })
}

/// Reads what an attack is to make of a picture: `random`, `least-likely` or a class by name.
///
/// A class that is called as one of the words is named with a comma: `random,` is the class named random.
///
/// # Errors
/// [`Error::Option`] naming `option` if the name is none of `names`.
pub fn target(option: &str, text: &str, names: &[String]) -> Result<Target> {
    match text {
        "random" => Ok(Target::Random),
        "least-likely" => Ok(Target::LeastLikely),
        _ if names.iter().any(|name| name == text) => class_index(option, text, names).map(Target::Class),
        _ => class_index(option, text.strip_suffix(',').unwrap_or(text), names).map(Target::Class),
    }
}

/// What [`target`] reads as the class called `name`.
#[must_use]
pub fn target_argument(name: &str) -> String {
    if matches!(name, "random" | "least-likely") { format!("{name},") } else { name.to_owned() }
}

/// Class indices, the most probable first; ties keep their order.
#[must_use]
pub fn ranked(posterior: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..posterior.len()).collect();
    order.sort_by(|&a, &b| posterior[b].total_cmp(&posterior[a]));
    order
}

/// One question to a model; `analyze` answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The picture, fitted to the model's shape.
    pub subject: Subject,
    /// The standard deviation that the model is told, on the [0, 1] scale. Without one it is the added noise's, or,
    /// for a picture with noise of its own, an estimate.
    pub assumed_sigma: Option<f32>,
    /// The classes to denoise it as.
    pub classes: Classes,
    /// Whether to denoise it as none of them too, where some are asked for and others remain: D is then the mean of
    /// the computed denoisers whatever was asked, and the mixture identity is checked.
    pub rest: bool,
    /// w of the classes' denoisers `D + w(D_c − D)`: 1 for E[x | y, c] itself; beyond, for p(x | y)p(c | x)^w, which shows what the class would
    /// change more clearly than it would (Dhariwal & Nichol 2021). 0 gives D.
    pub guidance: f64,
    /// The same picture at its own size, to be denoised as a whole.
    pub native: Option<WholePicture>,
}

/// A picture at its own size, with the model's channels.
#[derive(Debug, Clone, PartialEq)]
pub struct WholePicture {
    /// The picture.
    pub picture: Picture,
    /// The class to denoise it as; without one, all classes by the posterior of the fitted picture.
    pub class: Option<usize>,
    /// Whether to average over its eight symmetries, at eight times the work.
    pub averaged: bool,
}

impl Request {
    /// A clean picture under `noise`, denoised as the usual classes.
    #[must_use]
    pub fn clean(picture: Picture, noise: Noise) -> Self {
        Self::of(Subject::Clean { picture, noise }, None)
    }

    /// A picture with noise of its own, of standard deviation `sigma` if that is known, denoised as the usual classes.
    #[must_use]
    pub fn noisy(picture: Picture, sigma: Option<f32>) -> Self {
        Self::of(Subject::Noisy(picture), sigma)
    }

    fn of(subject: Subject, assumed_sigma: Option<f32>) -> Self {
        Self { subject, assumed_sigma, classes: Classes::Usual, rest: true, guidance: 1.0, native: None }
    }

    /// The same with other classes.
    #[must_use]
    pub fn with_classes(self, classes: Classes) -> Self {
        Self { classes, ..self }
    }

    /// The same without the denoiser of all other classes.
    #[must_use]
    pub fn without_rest(self) -> Self {
        Self { rest: false, ..self }
    }

    /// The same with the classes' denoisers guided by w.
    #[must_use]
    pub fn guided(self, guidance: f64) -> Self {
        Self { guidance, ..self }
    }

    /// The same with the picture at its own size too.
    #[must_use]
    pub fn with_native(self, picture: Picture, class: Option<usize>) -> Self {
        Self { native: Some(WholePicture { picture, class, averaged: false }), ..self }
    }

    /// The same with the picture at its own size averaged over its eight symmetries, where it was asked for.
    #[must_use]
    pub fn averaged(self) -> Self {
        Self { native: self.native.map(|whole| WholePicture { averaged: true, ..whole }), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["cat", "dog", "3"].map(str::to_owned).to_vec()
    }

    #[test]
    fn classes_are_read_as_all_a_number_or_names() {
        let read = |text: &str| Classes::parse("--classes", text, &names()).unwrap();
        assert_eq!(read("all"), Classes::All);
        assert_eq!(read("3"), Classes::Top(3));
        assert_eq!(read("3,"), Classes::List(vec![2]));
        assert_eq!(read("dog, CAT"), Classes::List(vec![1, 0]));
    }

    #[test]
    fn an_unknown_class_is_named_beside_the_known_ones() {
        let message = Classes::parse("--classes", "cat,cow", &names()).unwrap_err().to_string();
        assert_eq!(message, "--classes: the model has no class \"cow\"; it has cat, dog, 3");
        assert!(Classes::parse("--classes", ",", &names()).is_err());
    }

    #[test]
    fn a_class_may_be_called_as_a_word_for_targets_is() {
        let names = ["cat", "random", "least-likely", "a,"].map(str::to_owned).to_vec();
        let read = |text: &str| target("--target", text, &names).unwrap();
        assert_eq!((read("random"), read("least-likely")), (Target::Random, Target::LeastLikely));
        for (class, name) in names.iter().enumerate() {
            assert_eq!(read(&target_argument(name)), Target::Class(class));
        }
        assert_eq!((read("cat,"), read("CAT")), (Target::Class(0), Target::Class(0)));
        assert!(target("--target", "cow", &names).unwrap_err().to_string().starts_with("--target: "));
    }

    #[test]
    fn ranking_puts_the_most_probable_first_and_keeps_ties() {
        assert_eq!(ranked(&[0.1, 0.4, 0.1, 0.4]), [1, 3, 0, 2]);
        assert_eq!(Classes::Top(2).resolve(&[0.2, 0.5, 0.3]), [1, 2]);
        assert_eq!(Classes::List(vec![2, 0, 2]).resolve(&[0.2, 0.5, 0.3]), [2, 0], "each once");
    }

    #[test]
    fn the_usual_classes_are_all_of_few_and_the_likeliest_of_many() {
        let rising = |count: usize| -> Vec<f64> { (0..count).map(|c| c as f64).collect() };
        assert_eq!(Classes::Usual.resolve(&[1.0]), [0]);
        assert_eq!(Classes::Usual.resolve(&rising(16)).len(), 16);
        assert_eq!(Classes::Usual.resolve(&rising(17)), [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5]);
    }
}
