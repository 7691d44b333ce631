//! `denoscope certify`.

use denoscope::picture::load;

use super::{Desk, number};

#[test]
fn a_certificate_counts_its_votes_and_says_when_it_was_stopped() {
    let desk = Desk::new();
    let line = "certify a.png --sigma 0.1 --samples 300 --seed 3 --json -";
    let json = desk.json(line);
    let certificate = &json[0];
    let votes: f64 = certificate["votes"].as_array().expect("a list").iter().map(number).sum();
    assert!((votes - 300.0).abs() < 1e-9 && number(&certificate["samples"]) >= 300.0);
    assert_eq!(certificate["radius"].is_null(), certificate["class"].is_null(), "a class with its radius, or neither");
    assert_eq!(certificate["stopped"], false);
    assert_eq!(desk.json(&format!("{line} --batch 7")), json, "batches change nothing");
    let stopped = desk.json("certify a.png --sigma 0.1 --samples 100000000 --seconds 0.2 --json -");
    assert_eq!(stopped[0]["stopped"], true);
    assert!(desk.refusal(2, "certify a.png --alpha 2").contains("--alpha"));
}

#[test]
fn a_time_that_is_none_is_refused() {
    let desk = Desk::new();
    for seconds in ["1e30", "inf", "nan", "0", "-1"] {
        assert!(desk.refusal(2, &format!("certify a.png --seconds={seconds}")).contains("--seconds"), "{seconds}");
    }
}

#[test]
fn a_certificate_does_not_depend_on_the_place_in_the_list() {
    let desk = Desk::new();
    let of = |images: &str| desk.json(&format!("certify {images} --sigma 0.3 --samples 200 --json -"));
    let (alone, second) = (of("b.png"), of("a.png b.png"));
    assert_eq!(alone[0], second[1]);
    assert_eq!(second[1], of("b.png a.png")[0]);
}

#[test]
fn the_sheet_is_a_picture_of_each_on_either_paper() {
    let desk = Desk::new();
    let line = "certify a.png --sigma 0.1 --samples 100 --sheet";
    let json = desk.json(&format!("{line} proof.png --attempts 1 --attack-votes 20 --json -"));
    assert_eq!(json[0]["attempts"], 1);
    let light = load(desk.at("proof.png")).expect("a sheet").picture;
    desk.output(&format!("{line} dark.png --dark"));
    let dark = load(desk.at("dark.png")).expect("a sheet").picture;
    assert!(light.shape().width > 1000 && dark.shape().width == light.shape().width);
    assert!(light.at(0, 0, 0) > 0.9 && dark.at(0, 0, 0) < 0.1);
    desk.output("certify a.png b.png --sigma 0.1 --samples 100 --sheet sheets/");
    assert!(["a.png", "b.png"].into_iter().all(|name| desk.at("sheets").join(name).is_file()));
    assert!(desk.refusal(2, "certify a.png --dark").contains("--sheet"));
}
