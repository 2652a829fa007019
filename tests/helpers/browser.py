"""A headless Chromium for the tests of pages, and what they ask it."""

import shutil
import time
from contextlib import contextmanager

import pytest


@contextmanager
def open_browser(*arguments):
    """Yield a headless Chromium, driven by selenium; skip the test where they are not installed."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver_path = shutil.which("chromedriver")
    if not chromium or not driver_path:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--mute-audio",
        "--force-prefers-reduced-motion",
        "--window-size=1280,900",
        *arguments,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    try:
        yield driver
    finally:
        driver.quit()


def load_page(browser, path):
    """Open the file, and wait until all of it is there: on a busy machine, get() has returned before."""
    browser.get(path.as_uri())
    wait_for(browser, "document.readyState === 'complete' && document.getElementById('main') !== null")


def console_of(browser):
    """Return what the browser has written to its console since the last call."""
    return [entry["message"] for entry in browser.get_log("browser")]


def wait_for(browser, script, tries=300):
    """Return what the script returns, as soon as it is true."""
    for _ in range(tries):
        value = browser.execute_script(f"return {script}")
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"never true: {script}")


def press(browser, keys):
    """Press keys, wherever the focus is."""
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(keys).perform()


@contextmanager
def window_of(browser, width):
    """Let the window have this width in the meantime; a narrow one is that of a phone."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def least_contrast(browser, scheme):
    """Return the least contrast between text and its background, and the element that has it; scheme: light or dark.

    WCAG's level AA asks for 4.5.
    """
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    return browser.execute_script(
        """
        const parse = (text) => text.match(/[\\d.]+/g).map(Number);
        const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (colour) => {
          const [r, g, b] = parse(colour).slice(0, 3).map((v) => linear(v / 255));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        let least = [99, ""];
        for (const element of document.querySelectorAll("body *")) {
          if (!element.offsetParent || element.closest("button:disabled") || !hasText(element)) continue;
          let behind = element;
          const clear = (node) => (parse(getComputedStyle(node).backgroundColor)[3] ?? 1) === 0;
          while (behind !== document.body && clear(behind)) behind = behind.parentElement;
          const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
          const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          if (contrast < least[0]) least = [contrast, element.outerHTML.slice(0, 200)];
        }
        return least;
        """
    )
