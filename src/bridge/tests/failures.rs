//! Whatever a script does wrong is one line that says so, and this program lives on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{MIXTURE, Written, open, pictures, python};
use crate::joint::{JointModel, Linear};
use crate::task::Cancel;
use crate::{Error, PythonModel, ScriptSource};

/// A model of two classes that does `what` when it is asked, but not while it is opened.
fn naughty(what: &str) -> String {
    let head = "import os, sys, time\nshape, classes = (1, 2, 3), ['a', 'b']\nasked = 0\n";
    format!(
        "{head}def log_joint(y, sigma):\n    global asked\n    asked += 1\n    if asked > 3:\n        {what}\n    \
         return [[0.0, 1.0] for p in y]\n\
         def log_joint_vjp(y, sigma, w):\n    return y\n"
    )
}

fn one_line(error: &Error) -> String {
    let words = error.to_string();
    assert!(!words.contains('\n') && words.contains("net.py"), "{words}");
    words
}

#[test]
fn what_a_script_lacks_is_said_when_it_is_opened() {
    if !python() {
        return;
    }
    let shape = "shape = (1, 2, 3)\n";
    let say = "def logits(x):\n    return [[0.0, 1.0] for _ in x]\n";
    for (text, words) in [
        (String::new(), "defines none of log_joint(y, sigma), logits(x) and denoise(y, sigma)"),
        (say.to_owned(), "write shape = (channels, height, width)"),
        (format!("shape = (2, 2)\n{say}"), "write shape"),
        (format!("{shape}{say}def log_joint(y, sigma): pass\n"), "defines log_joint and logits"),
        (format!("{shape}classes = ['a']\n{say}"), "logits returns [1, 2], not [1, 1]"),
        (format!("{shape}range = (1, 0)\n{say}"), "range is (1, 0)"),
        (format!("{shape}sigma_range = (0, 1)\n{say}"), "sigma_range"),
        (format!("{shape}std = (1, 1, 1)\n{say}"), "std has 3 numbers, and the pictures 1 channels"),
        (format!("{shape}backend = 'tensorflow'\n{say}"), "backend is 'tensorflow'"),
        (format!("{shape}def logits(x):\n    return 'cat'\n"), "logits returns str, not an array of python"),
        (format!("{shape}def denoise(y, s):\n    return y[0]\n"), "denoise returns [1, 2, 3], not [1, 1, 2, 3]"),
        (
            format!("{shape}mean = 0.5\ndef denoise(y, s):\n    return y\n"),
            "mean and std, which are for logits(x) only",
        ),
        (format!("{shape}{say}def logits_vjp(x, w):\n    return [0]\n"), "logits_vjp returns [1], not [1, 1, 2, 3]"),
        ("def f(:\n".to_owned(), "SyntaxError: invalid syntax (net.py, line 1)"),
        (
            "import no_such_library\n".to_owned(),
            "ModuleNotFoundError: No module named 'no_such_library' (net.py, line 1)",
        ),
        ("\n\nraise ValueError('first\\nsecond')\n".to_owned(), "ValueError: first (net.py, line 3)"),
        ("import sys\nsys.exit(3)\n".to_owned(), "SystemExit: 3"),
    ] {
        let refusal = Written::new(&text).refusal();
        assert!(refusal.contains(words) && !refusal.contains('\n'), "{words}: {refusal}");
    }
    let script = Written::new(&format!("{shape}{say}"));
    let refused = |object| open(&script.path(), Some(object), Duration::from_mins(1), &Cancel::new()).err().unwrap();
    assert!(refused("Big").to_string().contains("defines no Big"));
    let missing = open(&script.folder.path().join("other.py"), None, Duration::from_mins(1), &Cancel::new());
    assert!(matches!(missing.err().unwrap(), Error::Io { .. }));
}

#[test]
fn an_exception_is_its_last_line_and_the_script_lives_on() {
    if !python() {
        return;
    }
    let model = Written::new(&naughty("if asked == 4: raise ValueError('too\\ndim')")).open().unwrap();
    let (noisy, sigmas) = pictures(2);
    let words = one_line(&model.forward(&noisy, &sigmas).err().unwrap());
    assert!(words.contains("ValueError: too (net.py, line 8)"), "{words}");
    assert!(model.printed(1000).iter().any(|line| line.contains("Traceback")));
    assert!(model.is_alive());
    assert_eq!(model.forward(&noisy, &sigmas).unwrap().log_joint(), [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn numbers_that_are_none_are_named() {
    if !python() {
        return;
    }
    let (noisy, sigmas) = pictures(2);
    for (answer, words) in [
        ("return [[0.0, 1.0], [float('nan'), 0.0]]", "picture 2 of 2 gives NaN for a"),
        ("return [[0.0, float('-inf')], [0.0, 0.0]]", "picture 1 of 2 gives -inf for b"),
        ("return [[0.0, 1.0]]", "log_joint returns [1, 2], not [2, 2]"),
        ("return [[0.0, 1.0], [0.0]]", "rows of different lengths"),
        ("return None", "log_joint returns NoneType"),
    ] {
        let model = Written::new(&naughty(answer)).open().unwrap();
        let error = one_line(&model.forward(&noisy, &sigmas).err().unwrap());
        assert!(error.contains(words) && model.is_alive(), "{error}");
    }
    let text = naughty("pass").replace("return y\n", "return [[[[float('inf')] * 3] * 2]] * len(y)\n");
    let model = Written::new(&text).open().unwrap();
    let error = model.forward(&noisy, &sigmas).unwrap().gradients(&[Linear::Score]).unwrap_err();
    assert!(one_line(&error).contains("the gradient of picture 1 has inf"));
}

#[test]
fn a_script_without_gradients_says_what_to_write_and_still_classifies() {
    if !python() {
        return;
    }
    let text = "shape = (1, 2, 3)\ndef logits(x):\n    return [[0.0, 1.0, 2.0] for _ in x]\n";
    let model = Written::new(text).open().unwrap();
    assert_eq!(model.classes(), ["class 0", "class 1", "class 2"]);
    let reason = "gives no gradients: python gives no gradients by itself: write logits_vjp(x, w)";
    assert_eq!(model.abilities().gradients.missing(), Some(reason));
    let (noisy, sigmas) = pictures(1);
    let pass = model.forward(&noisy, &sigmas).unwrap();
    assert_eq!(pass.log_joint(), [0.0, 1.0, 2.0]);
    assert!(one_line(&pass.denoised().unwrap_err()).contains("write logits_vjp(x, w)"));
}

#[test]
fn a_death_is_told_with_its_last_words_and_every_later_question_too() {
    if !python() {
        return;
    }
    let die = "sys.stderr.write('out of cheese\\n'); sys.stderr.flush(); os._exit(3)";
    let model = Written::new(&naughty(die)).open().unwrap();
    let (noisy, sigmas) = pictures(1);
    for _ in 0..2 {
        let error = model.forward(&noisy, &sigmas).err().unwrap();
        let words = one_line(&error);
        assert!(matches!(error, Error::Device(_)), "{error:?}");
        assert!(words.contains("ended (exit status: 3): out of cheese") || cfg!(windows), "{words}");
    }
    assert!(!model.is_alive());
    let refusal = Written::new("import os\nprint('no')\nos._exit(4)\n").refusal();
    assert!(refusal.contains("its Python process ended (exit status: 4): no") || cfg!(windows), "{refusal}");
}

#[test]
fn a_hang_ends_at_its_time_limit() {
    if !python() {
        return;
    }
    let script = Written::new(&naughty("time.sleep(600)"));
    let limit = Duration::from_secs(1);
    let model = open(&script.path(), None, limit, &Cancel::new()).unwrap();
    let (noisy, sigmas) = pictures(1);
    let begin = Instant::now();
    let words = one_line(&model.forward(&noisy, &sigmas).err().unwrap());
    assert!(words.contains("no answer within 1 s") && words.contains("DENOSCOPE_PYTHON_TIMEOUT"), "{words}");
    assert!(begin.elapsed() < Duration::from_secs(20) && !model.is_alive());
    // While it is opened, too, with more patience.
    let script = Written::new("while True:\n    pass\n");
    let error = open(&script.path(), None, Duration::from_millis(300), &Cancel::new()).err().unwrap();
    assert!(error.to_string().contains("no answer within 1.5 s"), "{error}");
}

#[test]
fn a_question_is_called_off_or_its_process_stopped_by_another_thread() {
    if !python() {
        return;
    }
    let script = Written::new(&naughty("time.sleep(600)"));
    let (noisy, sigmas) = pictures(1);
    for stopped in [false, true] {
        let cancel = Cancel::new();
        let model = open(&script.path(), None, Duration::from_mins(1), &cancel).unwrap();
        let begin = Instant::now();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                if stopped { model.stop() } else { cancel.raise() }
            });
            model.forward(&noisy, &sigmas).err().unwrap()
        });
        assert!(begin.elapsed() < Duration::from_secs(20) && !model.is_alive());
        if stopped {
            assert!(one_line(&error).contains("was stopped"), "{error}");
        } else {
            assert!(matches!(error, Error::Cancelled), "{error}");
        }
    }
}

#[test]
fn what_a_script_prints_is_kept_and_told_and_cannot_reach_the_frames() {
    if !python() {
        return;
    }
    let noise = "import os, sys\nprint('one')\nsys.stdout.write('two\\rthree')\nprint()\nos.system('echo four')\n\
                 os.write(1, b'five\\n')\ntry:\n    input()\nexcept EOFError:\n    print('no input', 'x' * 5000)\n";
    let script = Written::new(&format!("{noise}{MIXTURE}"));
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = heard.clone();
    let source = ScriptSource::script(&script.path());
    let tell = Arc::new(move |line: &str| listener.lock().unwrap().push(line.to_owned()));
    let model = PythonModel::open_within(Duration::from_mins(1), &source, "cpu", &Cancel::new(), Some(tell)).unwrap();
    let (noisy, sigmas) = pictures(1);
    model.forward(&noisy, &sigmas).unwrap();
    let begin = Instant::now();
    while model.printed(1000).len() < 5 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let lines = model.printed(1000);
    assert_eq!(lines[..2], ["one", "three"]);
    assert!(lines.iter().any(|line| line == "four") && lines.iter().any(|line| line == "five"));
    assert!(lines.iter().all(|line| line.len() <= 2000));
    assert!(lines.iter().any(|line| line.starts_with("no input")));
    assert_eq!(heard.lock().unwrap()[..2], ["one", "three"]);
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_left_behind() {
    if !python() {
        return;
    }
    let script = Written::new(&format!("import os\nprint(os.getpid())\n{MIXTURE}"));
    let model = script.open().unwrap();
    let begin = Instant::now();
    while model.printed(1000).is_empty() && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let process = format!("/proc/{}", model.printed(1000)[0]);
    assert!(std::path::Path::new(&process).exists());
    assert!(model.memory().unwrap() > 1 << 20);
    drop(model);
    assert!(!std::path::Path::new(&process).exists());
    assert!(!script.folder.path().join("__pycache__").exists());
}
