//! One evaluation on many machines: each measures a share of the batches and keeps a journal, and the journals together give the
//! figures of one run.
//!
//! Shares are whole batches, as they lie in one run, because a picture by itself may be computed by other kernels than one in
//! company; so the figures do not depend on how many shards there are.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::certified::Poll;
use super::frame::{Frame, Part, Source};
use super::journal::Journal;
use super::levels::Answer;
use super::robust::Attempt;
use super::run::Parts;
use super::work::{Work, together};
use super::{Evaluation, Plan, Samples, Step};
use crate::joint::JointModel;
use crate::task::Cancel;
use crate::{Error, Result};

/// The most shards of an evaluation.
const MOST: u32 = 1_000_000;

/// One of so many shares of an evaluation, from 1 on: `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Whether batch `batch` of part `part` is in it. Parts begin with another shard each, so that parts of few batches are shared
    /// out evenly too.
    fn has(self, part: usize, batch: usize) -> bool {
        (part + batch) % self.of as usize == self.number as usize - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) && of <= MOST => Ok(Self { number, of }),
            _ => Err(Error::option("--shard", format!("takes I/N with I from 1 to N, as in 2/3, not {text:?}"))),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// What a shard's journal begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ShardHead {
    shard: Shard,
    version: String,
    /// How many pictures went through the model together.
    batch: usize,
    /// How many records are its share.
    records: usize,
    frame: Frame,
    /// The keys of each part's records, in order.
    keys: Vec<Vec<String>>,
}

/// How a shard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSummary {
    /// How many measurements are its share.
    pub measurements: usize,
    /// How many of them were in the journal before.
    pub reused: usize,
}

/// Measures one shard of an evaluation into the journal at `path`: a new one, or with `resume` one that is there already.
///
/// # Errors
/// Those of [`evaluate`](super::evaluate); [`Error::Io`] if the journal cannot be read or written, [`Error::Data`] if it is of
/// another shard or evaluation.
#[expect(clippy::too_many_arguments, reason = "what is measured, of what, and who watches")]
pub fn evaluate_shard(
    (path, resume): (&Path, bool),
    shard: Shard,
    model: &dyn JointModel,
    samples: &Samples,
    others: Option<&Samples>,
    plan: &Plan,
    cancel: &Cancel,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<ShardSummary> {
    plan.check(model)?;
    let parts = Parts::new(model, samples, others, plan);
    let frame = parts.frame(plan);
    let all = frame.parts();
    let keys: Vec<Vec<String>> = all.iter().map(|&part| parts.keys(part)).collect::<Result<_>>()?;
    // A plan that names a part twice measures it once a shard.
    let (mut own, mut total) = (HashSet::new(), 0);
    for (number, (&part, keys)) in all.iter().zip(&keys).enumerate() {
        let batches = parts.batches(plan.batch, part).into_iter().enumerate();
        for (_, numbers) in batches.filter(|(batch, _)| shard.has(number, *batch)) {
            total += numbers.len();
            own.extend(&keys[numbers]);
        }
    }
    let (version, records) = (env!("CARGO_PKG_VERSION").to_owned(), own.len());
    let head = ShardHead { shard, version, batch: together(model, plan.batch), records, frame, keys };
    let mut journal = if resume && path.exists() {
        let journal = Journal::resume(path)?;
        head.check_same(journal.head.as_ref(), path)?;
        journal
    } else {
        Journal::create_with(path, Some(head))?
    };
    let reused = journal.len();
    let work = &mut Work { model, batch: plan.batch, journal: &mut journal, cancel, observe, done: 0, total };
    for (number, &part) in all.iter().enumerate() {
        parts.measure(work, part, |batch| shard.has(number, batch))?;
    }
    Ok(ShardSummary { measurements: total, reused })
}

impl ShardHead {
    /// Refuses to go on with what is of another shard or evaluation.
    fn check_same(&self, found: Option<&Self>, path: &Path) -> Result<()> {
        let anew = "; --force begins anew";
        let Some(found) = found else {
            return Err(Error::data(path, format!("is no journal of a shard{anew}")));
        };
        if found.shard != self.shard {
            return Err(Error::data(path, format!("is shard {}, not {}{anew}", found.shard, self.shard)));
        }
        match self.difference(found) {
            Some(what) => Err(Error::data(path, format!("is of {what} than this evaluation{anew}"))),
            None => Ok(()),
        }
    }

    /// In what another shard's journal differs that should not, in words.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let (own, others) = (&self.frame, &other.frame);
        let differs = [
            (self.version != other.version, "another version of this program"),
            (own.digest != others.digest, "another model"),
            (own.device != others.device, "another device"),
            (
                (&own.levels, &own.attacks, own.seed, own.others.is_some())
                    != (&others.levels, &others.attacks, others.seed, others.others.is_some()),
                "another plan (noise, attacks, seed or --ood)",
            ),
            (
                own.certificates.len() != others.certificates.len()
                    || !own.certificates.iter().zip(&others.certificates).all(|(a, b)| a.is_like(b)),
                "other certificates",
            ),
            (self.batch != other.batch, "other batches (--batch, or a card of another size)"),
            ((own, &self.keys) != (others, &other.keys), "other pictures"),
        ];
        differs.into_iter().find(|(differs, _)| *differs).map(|(_, what)| what)
    }

    /// Refuses what does not fit together: the head may come from a file.
    fn check(&self, path: &Path) -> Result<()> {
        let broken = |what: &str| Error::data(path, format!("has a head that makes no sense ({what})"));
        self.frame.check().map_err(|error| broken(&error.to_string()))?;
        let parts = self.frame.parts();
        let fits = |(part, keys): (&Part, &Vec<String>)| self.frame.count(*part) == keys.len();
        if parts.len() == self.keys.len() && parts.iter().zip(&self.keys).all(fits) {
            Ok(())
        } else {
            Err(broken("its keys"))
        }
    }
}

/// The figures of an evaluation whose shards have these journals: those of one run, but without example pictures.
///
/// # Errors
/// [`Error::Io`] for a journal that cannot be read; [`Error::Data`] naming one that is no shard's, is not complete, or is of
/// another evaluation than the first; [`Error::Option`] if a shard is there twice, or missing.
pub fn merge(paths: &[PathBuf]) -> Result<Evaluation> {
    let mut shards: Vec<(&Path, ShardHead, Journal)> = Vec::with_capacity(paths.len());
    for path in paths {
        let mut journal = Journal::read(path)?;
        let Some(head) = journal.head.take() else {
            return Err(Error::data(path, "is no journal of a shard: eval --shard writes them"));
        };
        head.check(path)?;
        shards.push((path, head, journal));
    }
    let Some((first, head, _)) = shards.first() else {
        return Err(Error::option("JOURNAL", "name the journal of every shard"));
    };
    for (path, other, _) in &shards {
        let first = first.display();
        if other.shard.of != head.shard.of {
            let reason = format!("is shard {}, and {first} is shard {}", other.shard, head.shard);
            return Err(Error::data(path, reason));
        }
        if let Some(what) = head.difference(other) {
            return Err(Error::data(path, format!("is of {what} than {first}")));
        }
    }
    check_complete(&shards, head.shard.of)?;
    head.frame.figures(&mut Merged::new(head, &shards))
}

/// Refuses a shard that is there twice, one that is missing, and one that is not complete.
fn check_complete(shards: &[(&Path, ShardHead, Journal)], of: u32) -> Result<()> {
    let mut found: Vec<(Shard, &Path)> = shards.iter().map(|(path, head, _)| (head.shard, *path)).collect();
    found.sort();
    if let Some([(shard, one), (_, other)]) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let reason = format!("{} and {} are both shard {shard}", one.display(), other.display());
        return Err(Error::option("JOURNAL", reason));
    }
    let there = |shard: &Shard| found.binary_search_by_key(shard, |(shard, _)| *shard).is_ok();
    let missing: Vec<String> =
        (1..=of).map(|number| Shard { number, of }).filter(|s| !there(s)).map(|s| s.to_string()).collect();
    if let Some(first) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        return Err(Error::option("JOURNAL", format!("shard {first}{more} is missing: name its journal too")));
    }
    for (path, head, journal) in shards {
        let lacks = head.records.saturating_sub(journal.len());
        if lacks > 0 {
            let reason = format!("lacks {lacks} measurements: eval --shard {} with --resume goes on", head.shard);
            return Err(Error::data(path, reason));
        }
    }
    Ok(())
}

/// Records from the journals of all shards.
struct Merged<'a> {
    head: &'a ShardHead,
    /// Where each record is.
    places: HashMap<&'a str, &'a Journal>,
}

impl<'a> Merged<'a> {
    fn new(head: &'a ShardHead, shards: &'a [(&'a Path, ShardHead, Journal)]) -> Self {
        let places = shards.iter().flat_map(|(_, _, journal)| journal.keys().map(move |key| (key, journal)));
        Self { head, places: places.collect() }
    }

    /// All records of a part.
    fn records<R: DeserializeOwned>(&self, part: Part, name: &str, is_sound: impl Fn(&R) -> bool) -> Result<Vec<R>> {
        let number = self.head.frame.parts().iter().position(|known| *known == part).unwrap_or_default();
        let one = |key: &String| {
            let journal = self.places.get(key.as_str());
            let missing = || Error::Compute(format!("a measurement of {name} is in none of the journals"));
            let journal = journal.ok_or_else(missing)?;
            let record = journal.record::<R>(name, key)?.ok_or_else(missing)?;
            if is_sound(&record) { Ok(record) } else { Err(journal.broken(name, &"a number out of range")) }
        };
        self.head.keys[number].iter().map(one).collect()
    }
}

impl Source for Merged<'_> {
    fn answers(&mut self, number: usize, of_others: bool) -> Result<Vec<Answer>> {
        self.records(Part::Level { number, of_others }, "a noise level", Answer::is_sound)
    }

    fn attempts(&mut self, attack: usize) -> Result<Vec<Attempt>> {
        self.records(Part::Attack(attack), "an attack", Attempt::is_sound)
    }

    fn polls(&mut self, certificate: usize) -> Result<Vec<Poll>> {
        let frame = &self.head.frame.certificates[certificate];
        self.records(Part::Certificate(certificate), "a certificate", |poll| frame.is_sound(poll))
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
