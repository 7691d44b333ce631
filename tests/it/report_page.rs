//! The report of an evaluation in a real browser, where there is one.

use std::fs;
use std::process::Command;

use super::cli::Desk;
use super::skip::skipped;

/// Appended to the page: writes what the browser made of it where the test can read it.
const PROBE: &str = "<script>addEventListener('load', () => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const shown = (element) => element.getBoundingClientRect().width > 20 && element.getBoundingClientRect().height > 20;
    const drawn = (mark) => mark.getBoundingClientRect().width > 2;
    const seen = {
        pictures: all('img').filter((img) => img.complete && img.naturalWidth === 16 && shown(img)).length,
        plots: all('svg').filter((svg) => shown(svg) && [...svg.querySelectorAll('circle')].some(drawn)).length,
        elsewhere: performance.getEntriesByType('resource').filter((entry) => !entry.name.startsWith('data:')).length,
        sideways: document.documentElement.scrollWidth > innerWidth,
    };
    document.body.dataset.seen = Object.entries(seen).map(([name, value]) => name + '=' + value).join(' ');
});</script>";

/// The browser's program, if there is one.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success()))
}

#[test]
fn the_report_opens_in_a_browser_with_its_plots_and_pictures() {
    let Some(browser) = browser() else {
        return skipped("browser", "there is no Chromium (Debian: chromium)");
    };
    let desk = Desk::new();
    desk.classes(2);
    desk.output(
        "eval --data data --sigmas 0.1,0.3 --attacks fgsm:linf:0.02,fgsm:linf:0.1 --certify 0.2,0.4 --certify-pictures 3 \
         --certify-samples 50 --html page.html --examples 3",
    );
    let page = fs::read_to_string(desk.at("page.html")).expect("a page");
    fs::write(desk.at("probed.html"), page.replace("</body>", &format!("{PROBE}</body>"))).expect("a page");
    let run = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", desk.at("browser").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", desk.at("probed.html").display()))
        .output()
        .expect("the browser");
    let dom = String::from_utf8_lossy(&run.stdout);
    let seen = dom.split_once("data-seen=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(seen, _)| seen);
    // Three pictures clean, noisy, denoised and attacked; accuracy, three metrics, reliability, robustness and certificates.
    let expected = "pictures=12 plots=7 elsewhere=0 sideways=false";
    assert_eq!(seen, Some(expected), "{}", String::from_utf8_lossy(&run.stderr));
}
