use super::*;
use crate::train::{Every, NoiseLevels, Objective, Preset};

fn parse(line: &str) -> Result<Config, String> {
    #[derive(Parser)]
    struct Train {
        #[command(flatten)]
        typed: Typed,
    }
    let train = Train::try_parse_from(line.split_whitespace()).map_err(|e| e.to_string())?;
    Ok(train.typed.0)
}

/// A recipe of this text, and its folder.
fn recipe(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

#[test]
fn every_option_comes_back_from_the_recipe() {
    let plain = Config::new("some data", "m.safetensors");
    let odd = Config {
        name: Some("a \"name\"\n = 0".to_owned()),
        preset: Preset::GradResNet18,
        widths: Some(vec![8, 16]),
        objective: Objective::Denoise,
        lambda: 1e-30,
        sigma_min: 0.1 + 0.2,
        sigma_distribution: NoiseLevels::LogNormal { median: 0.03, spread: 2.0 },
        hours: Some(0.1),
        flip: Some(false),
        holdout: Some(3),
        seed: u64::MAX,
        split_seed: u64::MAX - 1,
        evaluate_every: Every::Steps(7),
        half: true,
        tf32: true,
        ..plain.clone()
    };
    let tuned = Config { init: Some("other.safetensors".into()), epochs: Some(4.0), ..plain.clone() };
    for config in [plain, odd, tuned] {
        let (_folder, path) = recipe(&config.recipe().unwrap());
        assert_eq!(Config::of_recipe(path.as_ref()).unwrap(), config);
        assert_eq!(parse(&format!("train --recipe {path}")).unwrap(), config);
    }
}

#[test]
fn what_is_typed_goes_before_the_recipe_even_if_it_is_the_default() {
    let text = "data = \"d\"\nout = \"o\"\nbatch = 32\nepochs = 3\ntf32 = true\nlr-muon = 0.5\nwidths = [8, 8]\n";
    let (_folder, path) = recipe(text);
    let config = parse(&format!("train --recipe {path} --batch 64 --steps 5 --out p --resume")).unwrap();
    assert_eq!((config.batch, config.steps, config.epochs, config.resume), (64, Some(5), None, true));
    assert_eq!((config.data, config.out, config.tf32, config.lr_muon), ("d".into(), "p".into(), true, 0.5));
    assert_eq!(config.widths, Some(vec![8, 8]));
    let config = parse(&format!("train --recipe {path} --init m.safetensors")).unwrap();
    assert_eq!((config.widths, config.init), (None, Some("m.safetensors".into())));
}

#[test]
fn a_run_that_goes_on_takes_what_is_not_typed_from_the_recipe_beside_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("m.safetensors");
    let config = Config { epochs: Some(9.0), half: true, lr_muon: 0.5, ..Config::new("some data", &*out) };
    let line = format!("train --out {} --resume", out.display());
    let missing = parse(&line).unwrap_err();
    assert!(missing.contains("--data") && missing.contains("m.safetensors.toml"), "{missing}");
    config.write_recipe().unwrap();
    assert_eq!(parse(&line).unwrap(), Config { resume: true, ..config.clone() });
    let longer = parse(&format!("{line} --steps 7")).unwrap();
    assert_eq!(longer, Config { resume: true, epochs: None, steps: Some(7), ..config.clone() });
    // With the data everything is typed, as ever; and a run that begins has no recipe.
    let typed = parse(&format!("{line} --data other")).unwrap();
    assert_eq!(typed, Config { resume: true, ..Config::new("other", &*out) });
    assert!(parse(&format!("train --out {}", out.display())).unwrap_err().contains("--data"));
    assert!(parse("train --resume").unwrap_err().contains("--out"));
}

#[test]
fn a_wrong_recipe_is_named_with_what_is_wrong_in_it() {
    let wrong = |text: &str, words: &[&str]| {
        let (_folder, path) = recipe(text);
        let error = Config::of_recipe(path.as_ref()).unwrap_err().to_string();
        assert!(words.iter().all(|words| error.contains(words)) && !error.contains('\n'), "{error}");
        assert!(parse(&format!("train --recipe {path}")).is_err());
    };
    wrong("data = \"d\"\nout = \"o\"\nbacth = 3", &["r.toml", "bacth"]);
    wrong("data = \"d\"\nout = \"o\"\nresume = true", &["r.toml", "resume"]);
    wrong("data = \"d\"\nout = \"o\"\nalternate_flip = true", &["r.toml", "alternate_flip"]);
    wrong("data = \"d\"\nout = \"o\"\nbatch = \"many\"", &["r.toml", "many", "--batch"]);
    wrong("data = \"d\"\nout = \"o\"\n[batch]\nsize = 3", &["r.toml", "no plain value for batch"]);
    wrong("data = \"d\"\nout = \"o\"\nepochs = 3\nsteps = 3", &["r.toml", "--epochs", "--steps"]);
    wrong("data = \"d\"\nout = \"o\"\nbatch 3", &["r.toml", "line 3"]);
    wrong("data = \"d\"", &["--out", "r.toml"]);
    let missing = Config::of_recipe("missing.toml".as_ref()).unwrap_err().to_string();
    assert!(missing.contains("missing.toml"), "{missing}");
    assert!(parse("train --data d").unwrap_err().contains("--out"), "without a recipe both are needed");
}

#[test]
fn typed_words_take_the_place_of_options_and_are_refused_in_a_line() {
    let base = Config { steps: Some(9), lambda: 3.0, overwrite: true, ..Config::new("d", "o") };
    assert_eq!(base.with_words("").unwrap(), base);
    let more = "--seed 18446744073709551615 --learned-weights --classify-share 0.3 --mixup 0.2 --adversarial n-fgsm:8/255 --epochs 2.5";
    let config = base.with_words(more).unwrap();
    let rows = &config.rows;
    assert_eq!((config.seed, config.lambda, config.steps, config.epochs), (u64::MAX, 3.0, None, Some(2.5)));
    assert!(rows.learned_weights && rows.classify_share == 0.3 && rows.mixup == 0.2 && config.overwrite);
    assert_eq!(rows.adversarial, Some("n-fgsm:8/255".parse().unwrap()));
    assert_eq!(config.data, std::path::Path::new("d"));
    // What is given by a recipe comes back, rows and all.
    let again: Config =
        toml::from_str(&toml::to_string(&Config { seed: 1, overwrite: false, ..config.clone() }).unwrap()).unwrap();
    assert_eq!(again, Config { seed: 1, overwrite: false, ..config });
    for wrong in
        ["--nothing", "--batch x", "'", "--data elsewhere", "--force", "--resume", "--steps 1 --epochs 2", "word"]
    {
        let said = base.with_words(wrong).unwrap_err().to_string();
        assert!(said.starts_with("more options: ") && !said.contains('\n'), "{wrong}: {said}");
    }
}

#[test]
fn the_bundled_models_recipes_are_the_options_that_the_models_tell() {
    // What does not change the weights, and how many pictures were kept aside before each class gave its share.
    const ASIDE: [&str; 7] =
        ["threads", "log_every", "evaluate_every", "checkpoint_every", "device", "holdout", "tf32"];
    for model in crate::network::bundled() {
        let path = format!("{}/assets/recipes/{}.toml", env!("CARGO_MANIFEST_DIR"), model.name);
        let config = Config::of_recipe(path.as_ref()).unwrap();
        let recipe = serde_json::to_value(&config).unwrap();
        let told = model.checkpoint().unwrap().description.training.unwrap().options;
        let kept =
            |name: &str, value: &serde_json::Value| !ASIDE.contains(&name) && !is_retired(name, &value.to_string());
        for (name, value) in told.iter().filter(|(name, value)| kept(name, value)) {
            assert_eq!(&recipe[name], value, "{}: {name}", model.name);
        }
        config.check().unwrap();
    }
    // What others begin with.
    for name in
        ["cifar10-50", "cifar10-54", "cifar10-84", "cifar10-90", "cifar10-115", "cifar10-robust-12", "tiny-imagenet-32"]
    {
        let path = format!("{}/assets/recipes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        Config::of_recipe(path.as_ref()).unwrap().check().unwrap();
    }
}
