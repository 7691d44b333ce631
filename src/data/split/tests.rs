use super::super::{Kind, Purpose, open};
use super::*;
use crate::picture::Shape;

/// A catalogue of so many pictures a class, read class by class as a folder is, and of so many in a validation part.
fn catalogue(counts: &[usize], validation: &[usize]) -> Catalogue {
    let labels = |counts: &[usize]| -> Vec<u32> {
        counts.iter().enumerate().flat_map(|(class, &count)| vec![class as u32; count]).collect()
    };
    let main: usize = counts.iter().sum();
    Catalogue {
        name: "x".to_owned(),
        kind: Kind::Folder,
        classes: (0..counts.len()).map(|class| class.to_string()).collect(),
        shape: Shape::new(1, 1, 1),
        labels: [labels(counts), labels(validation)].concat(),
        notices: Vec::new(),
        path: "x".into(),
        main,
        source: crate::data::catalogue::Source::Bytes(Vec::new()),
    }
}

/// How many of each class are trained on and how many kept aside.
fn counts(catalogue: &Catalogue, choice: Choice) -> (Vec<usize>, Vec<usize>) {
    let split = Split::choose(catalogue, choice).unwrap();
    let mut all: Vec<u32> = [&*split.train, &*split.held_out].concat();
    assert!(split.train.is_sorted() && split.held_out.is_sorted());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), split.train.len() + split.held_out.len(), "no picture is chosen twice");
    let of = |chosen: &[u32]| {
        let class = |index: &u32| catalogue.labels[*index as usize] as usize;
        (0..catalogue.classes.len()).map(|c| chosen.iter().filter(|i| class(i) == c).count()).collect()
    };
    (of(&split.train), of(&split.held_out))
}

fn choice(holdout: Option<usize>, limit: Option<usize>) -> Choice {
    Choice { seed: 7, holdout, limit }
}

#[test]
fn every_class_gives_its_share() {
    // Ten folders of 60, two of 600: half of the classes, and one of two, were never trained once.
    let ten = catalogue(&[60; 10], &[]);
    assert_eq!(counts(&ten, choice(Some(300), None)), (vec![30; 10], vec![30; 10]));
    assert_eq!(counts(&catalogue(&[600; 2], &[]), choice(None, None)), (vec![540; 2], vec![60; 2]));
    assert_eq!(counts(&ten, choice(Some(100), Some(20))), (vec![2; 10], vec![10; 10]));
    assert_eq!(counts(&catalogue(&[5000; 10], &[]), choice(None, None)), (vec![4900; 10], vec![100; 10]));
    assert_eq!(counts(&catalogue(&[7], &[]), choice(Some(3), Some(2))), (vec![2], vec![3]), "one class");
    assert_eq!(counts(&catalogue(&[5, 4], &[]), choice(None, None)).1, [0, 0], "a tenth of nine is none");
}

#[test]
fn rare_classes_are_trained_whatever_is_kept_aside() {
    // By hand, with largest remainders: 20 of 111 are 18.02, 1.80 and 0.18.
    assert_eq!(counts(&catalogue(&[100, 10, 1], &[]), choice(Some(20), None)), (vec![82, 8, 1], vec![18, 2, 0]));
    // More is kept aside than the small classes have; each keeps one to train on.
    assert_eq!(counts(&catalogue(&[100, 3, 2], &[]), choice(Some(102), None)), (vec![1; 3], vec![99, 2, 1]));
    // A limit trains every class as long as it can: 4 of 111 are 3.60, 0.36 and 0.04.
    assert_eq!(counts(&catalogue(&[100, 10, 1], &[]), choice(Some(0), Some(4))).0, [2, 1, 1]);
    assert_eq!(counts(&catalogue(&[100, 10, 1], &[]), choice(Some(0), Some(2))).0, [2, 0, 0]);
    let refused = |choice, words: &str| {
        let error = Split::choose(&catalogue(&[100, 3, 2], &[]), choice).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(choice(Some(103), None), "at most 102");
    refused(choice(Some(105), None), "--holdout");
    refused(choice(Some(0), Some(0)), "--limit");
}

#[test]
fn a_validation_part_is_what_is_kept_aside() {
    let set = catalogue(&[30, 30], &[100, 50]);
    assert_eq!(counts(&set, choice(None, None)), (vec![30, 30], vec![100, 50]));
    assert_eq!(counts(&set, choice(Some(15), Some(10))), (vec![5, 5], vec![10, 5]));
    assert_eq!(counts(&set, choice(Some(0), None)), (vec![30, 30], vec![0, 0]));
    let split = Split::choose(&set, choice(Some(15), None)).unwrap();
    assert!(split.held_out.iter().all(|&index| index >= 60) && split.train.iter().all(|&index| index < 60));
}

#[test]
fn the_choice_is_of_the_seed_alone_spread_over_the_class_and_the_same_for_every_limit() {
    let set = catalogue(&[1000, 1000], &[]);
    let of = |seed, limit| Split::choose(&set, Choice { seed, holdout: Some(400), limit }).unwrap();
    assert_eq!(of(1, None), of(1, None));
    assert_ne!(of(1, None).held_out, of(2, None).held_out);
    assert_eq!(of(1, None).held_out, of(1, Some(50)).held_out);
    // 50 are expected of every quarter of a class: five deviations of the hypergeometric distribution are 27.
    for quarter in 0..8 {
        let count = of(3, None).held_out.iter().filter(|&&index| index / 250 == quarter).count();
        assert!((23..78).contains(&count), "{count}");
    }
}

#[test]
fn the_split_is_the_same_for_every_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["a", "b", "c"] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        (0..20).for_each(|n| std::fs::write(folder.path().join(class).join(format!("{n}.png")), b"x").unwrap());
    }
    let choose = || {
        let set = open(folder.path(), None, Purpose::Training).unwrap();
        let split = Split::choose(&set, choice(Some(9), Some(30))).unwrap();
        (split.record(&set, 7), split)
    };
    let within = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(choose);
    assert_eq!(within(1), within(2));
    assert_eq!(within(1), choose());
}

#[test]
fn a_record_knows_the_list() {
    let set = catalogue(&[50, 50], &[]);
    let record = |set: &Catalogue, choice: Choice| Split::choose(set, choice).unwrap().record(set, choice.seed);
    let one = record(&set, choice(Some(10), None));
    assert_eq!((one.seed, one.train, one.held_out, one.list.len()), (7, 90, 10, 64));
    assert_eq!(one, record(&set, choice(Some(10), None)));
    assert_ne!(one.list, record(&set, Choice { seed: 8, ..choice(Some(10), None) }).list);
    assert_ne!(one.list, record(&catalogue(&[50, 51], &[]), choice(Some(10), None)).list);
}
