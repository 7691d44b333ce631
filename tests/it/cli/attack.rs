//! `denoscope attack`.

use super::{Desk, number};

#[test]
fn an_attack_reports_what_was_asked_and_what_was_reached() {
    let desk = Desk::new();
    let line = "attack a.png --method pgd --norm linf --epsilon 8/255 --steps 5 --step-size 2/255 --seed 1 --json -";
    let json = desk.json(line);
    let element = &json[0];
    assert_eq!((&element["method"], &element["norm"]), (&"pgd".into(), &"linf".into()));
    assert!((number(&element["epsilon"]) - 8.0 / 255.0).abs() < 1e-7);
    assert!(number(&element["achieved"]["linf"]) <= 8.0 / 255.0 + 1e-6 && number(&element["achieved"]["l2"]) > 0.0);
    assert!(element["predicted_before"].is_string() && element["predicted_after"].is_string());
    assert!(element["success"].is_boolean() && number(&element["steps"]) >= 5.0);
    assert!(element["loss"].as_array().expect("a list").len() >= 5);
    assert_eq!(desk.json(line), json, "the same seed, the same attack");
}

#[test]
fn attacks_take_presets_and_go_through_defences() {
    let desk = Desk::new();
    let json = desk.json("attack a.png --preset foolbox-pgdl2 --defence vote:draws=2,votes=5 --steps 3 --json -");
    assert_eq!((&json[0]["method"], &json[0]["norm"]), (&"pgd".into(), &"l2".into()));
    assert!((number(&json[0]["epsilon"]) - 0.5).abs() < 1e-7);
    assert_eq!(json[0]["defence"]["votes"], 5);
    assert!(desk.refusal(2, "attack a.png --preset nobody-pgd").contains("--preset"));
    assert!(desk.refusal(2, "attack a.png --method pgd --defence wall").contains("--defence"));
    let help = desk.output("attack --help");
    for word in ["carlini-wagner", "step-size=2/255 in linf, 0.2 in l2", "autoattack-l2"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn an_attack_writes_its_picture_and_refuses_what_its_method_does_not_take() {
    let desk = Desk::new();
    let printed = desk.output("attack a.png --method fgsm --epsilon 4/255 --label cat --target dog -o adversarial.png");
    assert!(printed.contains("achieved") && desk.at("adversarial.png").is_file(), "{printed}");
    for (wrong, option) in [
        ("--method pdg", "--method"),
        ("--method deepfool --norm linf", "--norm"),
        ("--method fgsm --steps 3", "--steps"),
        ("--method pgd --set restarts", "--set"),
        ("--method pgd --target cow", "--target"),
        ("--method pgd --epsilon=-1", "--epsilon"),
        ("--method pgd --epsilon -1", "--epsilon"),
        ("--method pgd --set foo=3", "--set foo: pgd takes steps"),
        ("--method pgd --set steps=0.5", "--set steps: takes a whole number from 1 to 100000, not 0.5"),
        ("--method pgd --steps 0", "not 0\n"),
        ("--method pgd --epsilon 8", "did you mean 8/255?"),
        ("--method pgd --norm l2 --epsilon 128", "did you mean 128/255?"),
        ("--method pgd --sigma 25", "did you mean 25/255?"),
        ("--method pgd --label cat --target cat", "--target"),
    ] {
        let said = desk.refusal(2, &format!("attack a.png {wrong}"));
        assert!(said.contains(option), "{said}");
    }
}

#[test]
fn the_picture_that_is_written_is_measured_as_it_is_in_the_file() {
    let desk = Desk::new();
    // A step of a hundredth of a grey level is gone after rounding, and a JPEG's are larger.
    let line = "attack a.png --method fgsm --epsilon 0.01/255 --json - -o";
    let report = desk.json(&format!("{line} small.png"))[0].clone();
    let written = &report["written"];
    assert_eq!((&written["file"], &written["achieved"]["l0"]), (&"small.png".into(), &0.into()));
    assert!(number(&report["achieved"]["linf"]) > 0.0);
    assert_eq!((&written["predicted"], &written["success"]), (&report["predicted_before"], &false.into()));
    assert_eq!(written["within_budget"], true);
    let written = &desk.json(&format!("{line} small.jpg"))[0]["written"];
    assert!(
        number(&written["achieved"]["linf"]) >= 1.0 / 255.0 - 1e-6 && written["within_budget"] == false,
        "{written}"
    );
    // What an analysis of the file says is what the attack said of it.
    let json = desk.json("attack a.png --method fgsm --epsilon 30/255 --sigma 0.1 --json - -o far.png");
    let again = desk.json("analyze far.png --already-noisy --sigma 0.1 --json -");
    let first = |posterior: &serde_json::Value| number(&posterior[0]["probability"]);
    assert!((first(&json[0]["written"]["posterior"]) - first(&again[0]["posterior"])).abs() < 1e-5);
    assert!(desk.json("attack a.png --method fgsm --json -")[0]["written"].is_null());
    assert!(desk.output("attack a.png --method fgsm --epsilon 0.01/255 -o said.png").contains("said.png: taken for"));
}

#[test]
fn an_attack_towards_what_a_picture_is_has_nothing_to_do() {
    let desk = Desk::new();
    let json = desk.json("attack a.png --method fgsm --json -");
    let class = json[0]["predicted_before"].as_str().expect("a name");
    let said = desk.refusal(1, &format!("attack a.png --method pgd --target {class}"));
    assert!(said.contains("a.png") && said.contains("already"), "{said}");
}

#[test]
fn the_denoiser_is_attacked_under_any_noise_and_drawn() {
    let desk = Desk::new();
    let line = "attack a.png --objective change --sigma 0.2 --epsilon 0.3 --steps 3";
    let found = &desk.json(&format!("{line} --noise uniform --sheet s.png --json -"))[0];
    let moved = number(&found["achieved"]["l2"]);
    assert!((moved - 0.3).abs() < 1e-3, "{moved}");
    assert_eq!(found["noise"]["kind"], "uniform");
    assert_eq!(found["loss"].as_array().unwrap().len(), 5);
    assert!(std::fs::read(desk.at("s.png")).unwrap().starts_with(b"\x89PNG"));
    let own = &desk.json(&format!("{line} --already-noisy --json -"))[0];
    assert!(own["noise"].is_null() && own["psnr_after_db"].is_null() && number(&own["without"]) < 1e-6);
    let text = desk.output(&format!("{line} --noise poisson"));
    assert!(text.contains("change L2, poisson noise, sigma 0.2"), "{text}");
    for (rest, option) in [
        ("--noise poisson", "--noise"),
        ("--method pgd --noise poisson", "--noise"),
        ("--preset foolbox-pgd --already-noisy", "--already-noisy"),
        ("--objective change --already-noisy", "--sigma"),
        ("--objective change --sheet -", "--sheet"),
    ] {
        let said = desk.refusal(2, &format!("attack a.png {rest}"));
        assert!(said.contains(&format!("{option}: ")), "{rest}: {said}");
    }
}
