//! A real browser: Chromium, driven over WebDriver. axe-core looks at its pages, and what it refuses to run is heard.

use std::panic::Location;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
pub use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::patience::PATIENCE;

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The width of the window in pixels.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Whether the reader likes it dark.
    pub dark: bool,
    /// Whether pages may run scripts; it can't be changed later.
    pub scripts: bool,
}

impl Look {
    /// A desk.
    pub const WIDE: Self = Self { width: 1280, height: 900, dark: false, scripts: true };
    /// A phone.
    pub const NARROW: Self = Self { width: 390, height: 844, dark: false, scripts: true };
    /// Both, by day and by night.
    pub const ALL: [Self; 4] = [Self::WIDE, Self::WIDE.in_the_dark(), Self::NARROW, Self::NARROW.in_the_dark()];

    /// The same in the dark.
    #[must_use]
    pub const fn in_the_dark(self) -> Self {
        Self { dark: true, ..self }
    }

    /// The same without scripts.
    #[must_use]
    pub const fn without_scripts(self) -> Self {
        Self { scripts: false, ..self }
    }
}

/// A browser with a profile of its own, whose reader lives in São Paulo. Dropping it ends it.
pub struct Browser {
    client: Client,
    url: String,
    // Ended when it is dropped, and the browser with it.
    _driver: Child,
    _profile: TempDir,
}

/// Whether this machine has the browser, its driver and axe-core.
#[must_use]
pub fn has_browser() -> bool {
    let answers = |program: &str| {
        let mut command = std::process::Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    answers("chromedriver") && answers("chromium") && axe().is_file()
}

/// Where `cargo xtask test` puts axe-core.
fn axe() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/node_modules/axe-core/axe.min.js"))
}

impl Browser {
    /// Starts a browser for the pages of the server at `url`.
    pub async fn start(url: &str, look: Look) -> Self {
        let (driver, port) = Self::driver().await;
        let profile = tempfile::Builder::new().prefix("symbolon-browser-").tempdir().unwrap();
        let mut arguments: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--lang=en-GB",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push(format!("--window-size={},{}", look.width, look.height));
        let scripts = if look.scripts { 1 } else { 2 };
        // The server's authority is its own; that the browser would warn of it is not what is tested here.
        let capabilities = json!({
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": { "profile.managed_default_content_settings.javascript": scripts },
            },
        });
        let capabilities = capabilities.as_object().unwrap();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let started = builder.capabilities(capabilities.clone()).connect(&format!("http://127.0.0.1:{port}")).await;
        let client = started.unwrap_or_else(|error| panic!("the browser did not start: {error}"));
        let browser = Self { client, url: url.to_owned(), _driver: driver, _profile: profile };
        browser.look(look).await;
        browser
    }

    /// Starts a driver; answers with the port on which it listens.
    async fn driver() -> (Child, u16) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut command = Command::new("chromedriver");
            command
                .arg("--port=0")
                .kill_on_drop(true)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            let mut driver = command.spawn().unwrap();
            let mut lines = BufReader::new(driver.stdout.as_mut().unwrap()).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return (driver, port.trim_end_matches('.').parse().unwrap());
                }
            }
            // It takes any port for IPv6, and ends when somebody else has the same one for IPv4.
            assert!(Instant::now() < until, "the driver of the browser does not start");
        }
    }

    /// Looks at its pages in another way.
    pub async fn look(&self, look: Look) {
        self.client.set_window_size(look.width, look.height).await.unwrap();
        // A window is never as narrow as a phone: only its page can be.
        let metrics = json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        self.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": "America/Sao_Paulo"})).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.client.issue_cmd(Devtools { command: command.to_owned(), parameters }).await.unwrap()
    }

    /// Opens a page: a path of the server, or a whole address.
    pub async fn open(&self, page: &str) {
        let url = if page.contains("://") { page.to_owned() } else { format!("{}{page}", self.url) };
        self.client.goto(&url).await.unwrap();
    }

    /// Where it is: the path, with query and fragment.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url[url::Position::BeforePath..].to_owned()
    }

    async fn find(&self, css: &str) -> Element {
        self.wait_for(Locator::Css(css), css).await
    }

    async fn wait_for(&self, locator: Locator<'_>, name: &str) -> Element {
        match self.client.wait().at_most(PATIENCE).every(Duration::from_millis(50)).for_element(locator).await {
            Ok(element) => element,
            Err(error) => panic!("no {name} on {}: {error}\n{}", self.path().await, self.text("body").await),
        }
    }

    /// Types into a field, in the place of what stands in it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks.
    pub async fn click(&self, css: &str) {
        self.click_on(self.find(css).await).await;
    }

    /// Clicks the link or button with this text.
    pub async fn press(&self, words: &str) {
        let xpath = format!("//main//*[self::a or self::button or self::summary][normalize-space()='{words}']");
        self.click_on(self.wait_for(Locator::XPath(&xpath), words).await).await;
    }

    /// Clicks, and where a link is followed or a form sent by that, waits for the page that it leads to: a click may be
    /// over before its request has left the browser.
    async fn click_on(&self, element: Element) {
        // What is off the screen is brought to its middle, where nothing that stays in place covers it. The mark goes with
        // the page.
        let script = "arguments[0].scrollIntoView({block: 'center'});
            for (const [kind, which] of [['click', 'a[href]:not([href^=\"#\"])'], ['submit', 'form']])
                addEventListener(kind, event => {
                    if (!event.defaultPrevented && event.target.closest(which)) window.isLeft = true;
                }, {once: true})";
        self.client.execute(script, vec![serde_json::to_value(&element).unwrap()]).await.unwrap();
        element.click().await.unwrap();
        let until = Instant::now() + PATIENCE;
        while self.script("return window.isLeft === true").await == true {
            assert!(Instant::now() < until, "nothing has come after {}", self.path().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Chooses a file in a field.
    pub async fn choose_file(&self, css: &str, path: &std::path::Path) {
        self.find(css).await.send_keys(path.to_str().unwrap()).await.unwrap();
    }

    /// Types on the keyboard, wherever the focus is.
    pub async fn keys(&self, text: &str) {
        let actions = text.chars().fold(KeyActions::new("keyboard".to_owned()), |actions, key| {
            actions.then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key })
        });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Goes on with the tabulator until the focus is on what is called so, and checks on the way that the focus is seen.
    pub async fn tab_to(&self, name: &str) {
        let look = "const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it);
            const named = document.getElementById(it.getAttribute('aria-labelledby')) ?? it.labels?.[0] ?? it;
            const label = it.getAttribute('aria-label') ?? named.textContent;
            const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
            const drawn = it === document.body || it === document.documentElement
                || (inside && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
            return [label.trim().replace(/\\s+/g, ' ').slice(0, 80), drawn]";
        let mut passed = Vec::new();
        for _ in 0..150 {
            self.key(Key::Tab).await;
            let focus = self.script(look).await;
            let at = focus[0].as_str().unwrap().to_owned();
            assert_eq!(focus[1], true, "the focus on {at:?} of {} is not seen", self.path().await);
            if at == name {
                return;
            }
            passed.push(at);
        }
        panic!("the keyboard does not reach {name:?} on {}: {passed:#?}", self.path().await);
    }

    /// Presses a key that writes nothing.
    pub async fn key(&self, key: Key) {
        self.keys(&char::from(key).to_string()).await;
    }

    /// The text of the first element; empty when there is none.
    pub async fn text(&self, css: &str) -> String {
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Whether there is such an element.
    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Fails unless the page says so before long, and the browser had nothing to complain of.
    #[track_caller]
    pub fn says<'b>(&'b self, words: &'b str) -> impl Future<Output = ()> + 'b {
        let caller = Location::caller();
        async move {
            let until = Instant::now() + PATIENCE;
            while !self.text("body").await.contains(words) {
                let text = self.text("body").await;
                assert!(Instant::now() < until, "{caller}: {} does not say {words:?}:\n{text}", self.path().await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let complaints = self.complaints().await;
            assert!(complaints.is_empty(), "{caller}: on {}: {complaints:#?}", self.path().await);
        }
    }

    /// The value of an attribute of the first element.
    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.find(css).await.attr(name).await.unwrap()
    }

    /// What a field holds.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// What a script in the page answers.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What the browser complained of since it was last asked: what the page's content security policy forbids, scripts
    /// that failed, and whatever else is written to its console. Answers with an error are pages, and no complaint.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(Log).await.unwrap();
        let entries = entries.as_array().unwrap().iter().filter(|entry| entry["source"] != "network");
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What axe-core finds wrong with the page as it is; nothing is what is wanted.
    pub async fn flaws(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(axe()).unwrap();
        self.client.execute(&axe, Vec::new()).await.unwrap();
        let run = "const done = arguments[0];
            axe.run().then(found => done(found.violations.map(
                flaw => flaw.id + ': ' + flaw.nodes.map(node => node.target + ' ' + node.failureSummary).join(' | '))))";
        let found = self.client.execute_async(run, Vec::new()).await.unwrap();
        found.as_array().unwrap().iter().map(|flaw| flaw.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Whether nothing can be scrolled sideways but what scrolls within the page.
    pub async fn fits_its_window(&self) -> bool {
        let script = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        self.script(script).await == true
    }

    /// Fails when something is wrong with the page as it is, wide or narrow, by day or by night: axe-core finds
    /// something, the page is wider than its window, or the browser complains.
    #[track_caller]
    pub fn is_sound<'b>(&'b self, page: &'b str) -> impl Future<Output = ()> + 'b {
        let caller = Location::caller();
        async move {
            for look in Look::ALL {
                self.look(look).await;
                let flaws = self.flaws().await;
                assert!(flaws.is_empty(), "{caller}: {page}, {look:?}: {flaws:#?}");
                assert!(self.fits_its_window().await, "{caller}: {page}, {look:?}, is wider than its window");
            }
            self.look(Look::WIDE).await;
            let complaints = self.complaints().await;
            assert!(complaints.is_empty(), "{caller}: {page}: {complaints:#?}");
        }
    }

    /// What a camera reads in the QR that an element shows.
    pub async fn qr(&self, css: &str) -> Option<String> {
        let element = self.find(css).await;
        let script = "arguments[0].scrollIntoView({block: 'center'})";
        self.client.execute(script, vec![serde_json::to_value(&element).unwrap()]).await.unwrap();
        crate::qr::read(&element.screenshot().await.unwrap())
    }

    /// Goes to the top of the page, with the focus nowhere.
    pub async fn settle(&self) {
        self.script("document.activeElement?.blur(); scrollTo(0, 0)").await;
    }

    /// A picture of what the window shows, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }
}

/// A command of the browser's own protocol, through its driver.
#[derive(Debug)]
struct Devtools {
    command: String,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (axum::http::Method::POST, Some(body.to_string()))
    }
}

/// What was written to the browser's console since this was last asked for.
#[derive(Debug)]
struct Log;

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        (axum::http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}
