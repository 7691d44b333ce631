use super::super::journal::Journal;
use super::super::{AttackPlan, CertifyPlan, evaluate};
use super::*;
use crate::data::{Loader, Purpose, open};
use crate::joint::GaussianMixture;
use crate::picture::{NoiseKind, Picture, Shape, save};

const SHAPE: Shape = Shape::new(1, 6, 6);

fn oracle() -> GaussianMixture {
    let class = |model: GaussianMixture, class: usize, mean: f64| model.with(class, 1.0, vec![mean; SHAPE.len()], 1e-4);
    class(class(GaussianMixture::new(SHAPE, 2), 0, 0.2), 1, 0.8)
}

/// So many pictures of each class, each of its own shade.
fn samples(count: usize, step: f32) -> Samples {
    let folder = tempfile::tempdir().unwrap();
    for (class, shade) in [("class 0", 0.2), ("class 1", 0.7)] {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
        for index in 0..count {
            let picture = Picture::filled(SHAPE, shade + step * index as f32);
            save(folder.path().join(class).join(format!("{index:02}.png")), &picture, false).unwrap();
        }
    }
    let set = open(folder.path(), Some(SHAPE), Purpose::Measuring).unwrap();
    Loader::quiet(|loader| Samples::new(set, &oracle(), None, loader)).unwrap()
}

/// Something of everything, over odd numbers of pictures and batches, and one level twice.
fn plan() -> Plan {
    let defended: AttackPlan = "pgd:l2:1.3:steps=2:sigma=0.4".parse().unwrap();
    Plan {
        sigmas: vec![0.3, 0.7, 0.3],
        noises: vec![NoiseKind::Gaussian, NoiseKind::Poisson],
        attacks: vec![
            AttackPlan { defence: "vote:draws=2,votes=5".parse().unwrap(), ..defended.clone() },
            defended,
            "square:l2:3:queries=10".parse().unwrap(),
        ],
        certify: CertifyPlan { sigmas: vec![2.0], pictures: 5, samples: 30, selection: 10, alpha: 0.015, attempts: 2 },
        seed: u64::MAX,
        batch: 3,
        examples: 0,
        lab: false,
    }
}

struct Desk {
    folder: tempfile::TempDir,
    own: Samples,
    others: Samples,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), own: samples(7, 0.02), others: samples(2, 0.1) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Measures a shard, until `stop` measurements are made.
    fn measure(&self, shard: &str, resume: bool, plan: &Plan, stop: usize) -> Result<ShardSummary> {
        let (path, shard, cancel) = (self.at(&shard.replace('/', "of")), shard.parse()?, Cancel::new());
        let mut observe = |step: Step<'_>| {
            if step.done >= stop {
                cancel.raise();
            }
        };
        let others = Some(&self.others);
        evaluate_shard((&path, resume), shard, &oracle(), &self.own, others, plan, &cancel, &mut observe)
    }

    fn whole(&self) -> Evaluation {
        evaluate(&oracle(), &self.own, Some(&self.others), &plan(), &Cancel::new(), &mut |_| ()).unwrap()
    }

    fn merged(&self, names: &[&str]) -> Result<Evaluation> {
        merge(&names.iter().map(|name| self.at(name)).collect::<Vec<_>>())
    }

    /// What is said when these are merged, which is one line.
    fn refusal(&self, names: &[&str]) -> String {
        let said = self.merged(names).map(drop).unwrap_err().to_string();
        assert!(!said.contains('\n'), "{said}");
        said
    }
}

fn json(evaluation: &Evaluation) -> String {
    serde_json::to_string_pretty(evaluation).unwrap()
}

#[test]
fn three_shards_of_which_one_was_killed_give_the_very_figures_of_one_run() {
    let desk = Desk::new();
    let whole = desk.whole();
    let all = usize::MAX;
    let first = desk.measure("1/3", false, &plan(), all).unwrap();
    let third = desk.measure("3/3", true, &plan(), all).unwrap();
    // The second is stopped, what it wrote last is torn, and it goes on.
    assert!(matches!(desk.measure("2/3", false, &plan(), 20), Err(Error::Cancelled)));
    let path = desk.at("2of3");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 30]).unwrap();
    assert!(desk.refusal(&["1of3", "2of3", "3of3"]).contains("2of3: lacks "), "it is not complete");
    let second = desk.measure("2/3", true, &plan(), all).unwrap();
    assert!(second.reused > 0 && second.reused < second.measurements, "{second:?}");
    // 14 pictures under six noises, three of which are Gaussian and have 4 others, three attacks, and five certificates.
    let sum = first.measurements + second.measurements + third.measurements;
    assert_eq!(sum, 14 * (6 + 3) + 3 * 4 + 5);
    for each in [first, second, third] {
        assert!(each.measurements.abs_diff(sum / 3) < sum / 10, "{each:?} of {sum}");
    }
    for order in [["1of3", "2of3", "3of3"], ["3of3", "1of3", "2of3"]] {
        let merged = desk.merged(&order).unwrap();
        assert!(json(&merged) == json(&whole), "to the byte");
    }
    // Done, it has nothing to do.
    let again = desk.measure("2/3", true, &plan(), 0).unwrap();
    assert_eq!((again.measurements, again.reused), (second.measurements, second.measurements.min(again.reused)));
}

#[test]
fn any_number_of_shards_gives_the_same() {
    let desk = Desk::new();
    let whole = json(&desk.whole());
    for of in [1, 2, 40] {
        // Batches of three pictures make at most five shares a part.
        let names: Vec<String> = (1..=of).map(|number| format!("{number}/{of}")).collect();
        for name in &names {
            desk.measure(name, false, &plan(), usize::MAX).unwrap();
        }
        let paths: Vec<PathBuf> = names.iter().map(|name| desk.at(&name.replace('/', "of"))).collect();
        assert!(json(&merge(&paths).unwrap()) == whole, "{of} shards");
    }
}

#[test]
fn what_does_not_belong_together_is_refused_in_a_line_that_names_it() {
    let desk = Desk::new();
    let all = usize::MAX;
    desk.measure("1/2", false, &plan(), all).unwrap();
    desk.measure("2/2", false, &plan(), all).unwrap();
    std::fs::copy(desk.at("2of2"), desk.at("copy")).unwrap();
    assert!(desk.refusal(&["1of2", "2of2", "copy"]).contains("are both shard 2/2"));
    assert!(desk.refusal(&["1of2", "1of2"]).contains("are both shard 1/2"));
    assert!(desk.refusal(&["2of2"]).contains("shard 1/2 is missing"));
    desk.measure("5/9", false, &plan(), all).unwrap();
    assert!(desk.refusal(&["5of9"]).contains("shard 1/9 and 7 more is missing"));
    assert!(desk.refusal(&["1of2", "5of9"]).contains("is shard 5/9, and"));

    std::fs::rename(desk.at("2of2"), desk.at("good")).unwrap();
    let change = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        desk.measure("2/2", false, &plan, all).unwrap();
        desk.refusal(&["1of2", "2of2"])
    };
    assert!(change(&|plan| plan.seed = 3).contains("2of2: is of another plan"));
    assert!(change(&|plan| plan.sigmas[0] = 0.31).contains("another plan"));
    assert!(change(&|plan| plan.attacks[2].epsilon += 1e-9).contains("another plan"));
    assert!(change(&|plan| plan.certify.alpha = 0.02).contains("other certificates"));
    assert!(change(&|plan| plan.certify.attempts = 3).contains("other certificates"));
    assert!(change(&|plan| plan.batch = 2).contains("other batches (--batch"));
    let others = Some(&desk.others);
    let near = oracle().with(0, 0.5, vec![0.3; SHAPE.len()], 1e-4);
    let run = |model: &GaussianMixture, own: &Samples| {
        let (path, cancel) = (desk.at("2of2"), Cancel::new());
        let shard = "2/2".parse().unwrap();
        evaluate_shard((&path, false), shard, model, own, others, &plan(), &cancel, &mut |_| ()).unwrap();
        desk.refusal(&["1of2", "2of2"])
    };
    assert!(run(&near, &desk.own).contains("2of2: is of another model than"));
    assert!(run(&oracle(), &samples(7, 0.021)).contains("other pictures"));

    // The same when a job goes on with what is not its own.
    std::fs::rename(desk.at("good"), desk.at("2of2")).unwrap();
    std::fs::rename(desk.at("1of2"), desk.at("2of3")).unwrap();
    let said = desk.measure("2/3", true, &plan(), all).unwrap_err().to_string();
    assert!(said.contains("is shard 1/2, not 2/3; --force"), "{said}");
    let said = desk.measure("2/2", true, &Plan { seed: 4, ..plan() }, all).unwrap_err().to_string();
    assert!(said.contains("another plan"), "{said}");
    drop(Journal::create(&desk.at("1of2")).unwrap());
    assert!(desk.measure("1/2", true, &plan(), all).unwrap_err().to_string().contains("no journal of a shard"));
    assert!(desk.refusal(&["1of2", "2of2"]).contains("eval --shard writes them"));
    assert!(desk.refusal(&["nowhere"]).contains("nowhere"));
    assert!(merge(&[]).is_err());
}

#[test]
fn a_journal_that_was_meddled_with_makes_no_figures() {
    let desk = Desk::new();
    desk.measure("1/1", false, &plan(), usize::MAX).unwrap();
    let whole = std::fs::read_to_string(desk.at("1of1")).unwrap();
    let number = |name: &str, value: &str| {
        let at = whole.rfind(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}")) + name.len() + 3;
        let end = at + whole[at..].find([',', '}', ']']).unwrap();
        format!("{}{value}{}", &whole[..at], &whole[end..])
    };
    let infinite = f64::INFINITY.to_bits().to_string();
    for (name, value) in [
        ("sigma_used", "-1"),
        ("sigma_used", "1e30"),
        ("alpha", &*infinite),
        ("labels", "[7"),
        ("labels", "[0,0"),
        ("images", "3"),
        ("images", "18446744073709551615"),
        ("samples", "18446744073709551615"),
        ("others", "[\"x\",99"),
        ("confidence", &*infinite),
        ("size", &*infinite),
        ("votes", "[31"),
        ("shard", "\"0/0\""),
        ("shard", "\"1/4294967296\""),
        ("records", "-1"),
    ] {
        std::fs::write(desk.at("1of1"), number(name, value)).unwrap();
        let said = desk.merged(&["1of1"]).map(drop).expect_err(&format!("{name} {value}")).to_string();
        assert!(!said.contains('\n'), "{said}");
    }
    for text in ["0/3", "4/3", "1", "/", "a/b", "1/0", "-1/3", "1/1000001", "1/3/3", ""] {
        let said = text.parse::<Shard>().unwrap_err().to_string();
        assert!(said.starts_with("--shard: ") && said.contains("2/3"), "{said}");
    }
}
