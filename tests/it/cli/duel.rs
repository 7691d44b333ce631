//! `denoscope duel`.

use denoscope::network::{Architecture, Checkpoint, Description, Storage};
use denoscope::picture::{Shape, load};

use super::{Desk, number};

/// A desk with a second model whose classes are the same in another order.
fn desk() -> Desk {
    let desk = Desk::new();
    let classes = ["3", "dog", "cat"].map(str::to_owned).to_vec();
    let architecture = Architecture { widths: vec![8], blocks: vec![1], strides: vec![1], ..Architecture::compact() };
    let description = Description::new("other", classes, Shape::new(1, 16, 16), architecture);
    let checkpoint = Checkpoint::untrained(description, 5).expect("a sound description");
    checkpoint.write(desk.at("other.safetensors"), Storage::default()).expect("a model file");
    desk
}

const LINE: &str = "duel a.png --model tiny.safetensors --with other.safetensors --device cpu --steps 4";

#[test]
fn a_duel_is_printed_written_and_drawn_and_keeps_its_budget() {
    let desk = desk();
    let json = desk.json(&format!("{LINE} --norm linf --epsilon 8/255 --json - -o found.png --sheet sheet.png"));
    let duel = &json[0];
    assert_eq!((&duel["aim"], &duel["norm"], &duel["found"]), (&"widest".into(), &"linf".into(), &true.into()));
    assert!(number(&duel["achieved"]["linf"]) <= 8.0 / 255.0 + 1e-6);
    assert_eq!((&duel["models"][0], &duel["models"][1]), (&"tiny".into(), &"other".into()));
    for place in ["before", "after"] {
        let bits = number(&duel[place]["divergence_bits"]);
        assert!((0.0..=1.0).contains(&bits), "{bits}");
        for side in 0..2 {
            let sum: f64 = duel[place]["posterior"][side]
                .as_array()
                .expect("a list")
                .iter()
                .map(|c| number(&c["probability"]))
                .sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }
    assert_eq!(load(desk.at("found.png")).expect("a picture").picture.shape(), Shape::new(1, 16, 16));
    assert!(load(desk.at("sheet.png")).expect("a sheet").picture.shape().width > 1000);
    let said = desk.output(LINE);
    for words in ["A tiny, sigma", "B other, sigma", "before", "after", "bits apart", "queries of each"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    // An untrained model holds every class as likely: nothing can tell two of them apart.
    let nearest = desk.json(&format!("{LINE} --nearest --epsilon 0.1 --json -"));
    assert_eq!((&nearest[0]["aim"], &nearest[0]["epsilon"]), (&"nearest".into(), &serde_json::Value::Null));
}

#[test]
fn what_cannot_be_set_against_each_other_is_refused_with_the_reason() {
    let desk = desk();
    let refusal = |line: &str| desk.refusal(2, line);
    assert!(refusal(&LINE.replace("other.safetensors", "digits")).contains("--with: takes"));
    assert!(refusal("duel a.png --model cifar10 --with digits").contains("two models of one shape"));
    assert!(refusal(&format!("{LINE} --steps 0").replace("--steps 4", "")).contains("--steps"));
    assert!(refusal(&format!("{LINE} --epsilon nan")).contains("--epsilon"));
    assert!(refusal(&format!("{LINE} --epsilon 0")).contains("--epsilon: takes a positive number"));
}
