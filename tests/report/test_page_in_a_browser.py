"""The page in a browser, without a server: inert whatever the names, usable by keyboard, readable at any width."""

import pytest

from speech_autoencoder.system.files import printable
from tests.helpers.browser import console_of, least_contrast, load_page, press, wait_for, window_of
from tests.helpers.hostile_page import HOSTILE, make_page


@pytest.fixture(scope="module")
def made(trained, small_arrays, tmp_path_factory):
    """Return (folder, evaluation, size in bytes, write) of `make_page`."""
    return make_page(tmp_path_factory.mktemp("page"), trained, small_arrays)


@pytest.fixture
def opened(browser, made):
    """Yield the browser with the page open; its console must stay empty."""
    load_page(browser, made[0] / "index.html")
    yield browser
    assert console_of(browser) == []


def shown_rows(browser):
    """Return the cells of the visible rows of the table."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].filter(row => row.offsetParent)"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )


def test_browser_hostile_names_are_shown_and_open_no_alert(opened, made):
    from selenium.common.exceptions import NoAlertPresentException

    with pytest.raises(NoAlertPresentException):
        _ = opened.switch_to.alert
    assert {row[0] for row in shown_rows(opened)} == {printable(entry.path) for entry in made[1].recordings}


def test_browser_players_have_sound_and_play_one_at_a_time(opened, made):
    wait_for(
        opened, "[...document.querySelectorAll('audio')].every(a => Number.isFinite(a.duration) && a.duration > 0.4)"
    )
    first, second = opened.find_elements("css selector", "audio")[:2]
    for player in (first, second):
        opened.execute_script("arguments[0].scrollIntoView(); arguments[0].focus()", player)
        press(opened, " ")  # as a user does, who may start sound where a page may not
        wait_for(
            opened,
            "[...document.querySelectorAll('audio')].some(a => a === document.activeElement && a.currentTime > 0.1)",
        )
    assert opened.execute_script("return arguments[0].paused", first)


@pytest.mark.parametrize(("column", "kind"), [(0, str), (2, float), (3, float), (4, float), (5, float)])
def test_browser_headings_sort_by_keyboard(opened, column, kind):
    heading = opened.find_elements("css selector", "#table thead th")[column]
    seen = []
    for _ in range(2):
        opened.execute_script("arguments[0].focus()", heading.find_element("tag name", "button"))
        press(opened, "\ue007")
        values = [row[column].rstrip("*") for row in shown_rows(opened)]
        seen.append((heading.get_attribute("aria-sort"), values))
    assert {order for order, _ in seen} == {"ascending", "descending"}
    if kind is float:
        for order, values in seen:
            numbers = [float(value) for value in values]
            assert numbers == sorted(numbers, reverse=order == "descending")
    assert seen[0][1][0] == seen[1][1][-1]
    assert len(opened.find_elements("css selector", "#table [aria-sort]")) == 1


def test_browser_filters_by_name_speaker_and_score(opened, made):
    from selenium.webdriver.support.select import Select

    total = len(HOSTILE)
    opened.find_element("id", "name").send_keys("ONERROR")
    assert [row[0].split("/")[1] for row in shown_rows(opened)] == ["<img src=x onerror=alert(1)>.wav"]
    assert opened.find_element("id", "count").text == f"1 of {total} recordings"
    opened.find_element("css selector", "#filters button").click()
    wait_for(opened, f"document.getElementById('count').textContent === '{total} recordings'")
    Select(opened.find_element("id", "speaker")).select_by_index(1)
    assert len(shown_rows(opened)) == total // 2
    opened.find_element("css selector", "#filters button").click()
    wait_for(opened, f"document.getElementById('count').textContent === '{total} recordings'")
    middle = sorted(float(row[3].rstrip("*")) for row in shown_rows(opened))[total // 2]
    opened.find_element("id", "least").send_keys(str(middle))
    stois = [float(row[3].rstrip("*")) for row in shown_rows(opened)]
    assert 0 < len(stois) < total
    assert min(stois) >= middle - 0.001


def test_browser_blind_test_counts_right_answers_by_keyboard(opened):
    press(opened, "1a")
    assert opened.find_element("id", "tally").text == ""  # not started yet
    opened.execute_script("document.getElementById('start').focus()")
    press(opened, " ")
    # The right answer is known: X is A if the page plays the same file for both.
    opened.execute_script(
        "const set = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'src').set;"
        "Object.defineProperty(HTMLMediaElement.prototype, 'src',"
        "{set(value) { window.last = value; set.call(this, value); }})"
    )
    press(opened, "a")
    assert "Listen to A, B and X first" in opened.find_element("id", "status").text
    n_right = 0
    for number in range(1, 8):
        played = {}
        for key in "12x":
            press(opened, key)
            played[key] = opened.execute_script("return window.last")
        assert played["1"] != played["2"]
        right = "a" if played["x"] == played["1"] else "b"
        wrong_on_purpose = number == 3
        press(opened, {"a": "b", "b": "a"}[right] if wrong_on_purpose else right)
        n_right += not wrong_on_purpose
        assert f"{n_right} of {number} right" in opened.find_element("id", "tally").text
    # 6 or more of 7 by guessing: 8 of 128.
    assert "p = 0.063" in opened.find_element("id", "tally").text


def test_browser_blind_test_plays_the_sound(opened):
    opened.execute_script(
        "window.played = []; const play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { window.played.push(this); return play.call(this); }"
    )
    opened.find_element("id", "start").click()
    press(opened, "x")
    wait_for(opened, "window.played.length === 1 && window.played[0].currentTime > 0.05")
    assert opened.execute_script("return Number.isFinite(window.played[0].duration) && !window.played[0].error")


@pytest.fixture
def plays(opened):
    """Return a function: the file names of the sounds that the map has started, each played for a while."""
    opened.execute_script(
        "window.played = []; const play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = function () { window.played.push(this.src); window.last = this;"
        " return play.call(this); }"
    )

    def names():
        wait_for(opened, "window.last && window.last.currentTime > 0.02")
        return [name.split("/")[-1] for name in opened.execute_script("return window.played")]

    return names


def points_of(browser):
    """Return the points of the map as (element, title, file of its sound)."""
    points = browser.find_elements("css selector", "#map .point")
    titles = [browser.execute_script("return arguments[0].querySelector('title').textContent", p) for p in points]
    return [(p, title, p.get_attribute("data-sound")) for p, title in zip(points, titles, strict=True)]


def test_browser_map_click_plays_the_recording_and_names_it(opened, plays):
    point, title, file = points_of(opened)[4]
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    point.click()
    assert plays() == [file.split("/")[1]]
    assert opened.find_element("id", "map-name").get_property("textContent") == title
    assert opened.find_element("id", "map-status").text == ""


def test_browser_map_keys_move_and_play(opened, plays):
    first, second = points_of(opened)[:2]
    opened.execute_script("document.getElementById('map-title').scrollIntoView()")
    # The first point is the one that Tab leads to.
    assert [p.get_attribute("tabindex") for p, *_ in points_of(opened)] == ["0"] + ["-1"] * (len(HOSTILE) - 1)
    opened.execute_script("arguments[0].focus()", first[0])
    press(opened, "\ue007")
    assert plays() == [first[2].split("/")[1]]
    seen = {first[1]}
    for key in "\ue012\ue013\ue014\ue015" * 4:
        press(opened, key)
        active = opened.switch_to.active_element
        assert active.get_attribute("class").startswith("point")
        title = opened.execute_script("return document.activeElement.querySelector('title').textContent")
        assert opened.find_element("id", "map-name").get_property("textContent") == title
        seen.add(title)
    assert len(seen) > 2
    assert second[1] != first[1]


def test_browser_map_colours_show_speakers_or_words(opened, made):
    from selenium.webdriver.support.select import Select

    def looks():
        script = "return [...document.querySelectorAll('#map .point')].map(p => [p.getAttribute('class'), " + (
            "p.querySelector('use').getAttribute('href')].join(' '))"
        )
        return opened.execute_script(script)

    for kind, of in (("speaker", "speaker"), ("word", "label")):
        Select(opened.find_element("id", "map-by")).select_by_visible_text(kind)
        values = [getattr(entry, of) for entry in made[1].recordings]
        assert len(set(zip(values, looks(), strict=True))) == len(set(looks())) == len(set(values))
        legend = opened.find_element("css selector", f".map-legend[data-kind={kind}]")
        assert legend.is_displayed()
        names = [button.text for button in legend.find_elements("tag name", "button")]
        assert set(names) == {printable(value) or "unknown" for value in values}


def test_browser_map_legend_shows_some_classes_alone(opened):
    def shown():
        return opened.execute_script("return document.querySelectorAll('#map .point:not(.faded)').length")

    wait_for(opened, "document.querySelectorAll('.map-legend[data-kind=speaker] button').length === 2")
    first, second = opened.find_elements("css selector", ".map-legend[data-kind=speaker] button")
    first.click()
    assert shown() == len(HOSTILE) // 2
    second.click()
    assert shown() == len(HOSTILE)
    first.click()
    faded = opened.find_elements("css selector", "#map .point.faded")
    assert len(faded) == len(HOSTILE) // 2
    assert (
        opened.execute_script("return document.querySelectorAll('#map .point:not(.faded)[tabindex=\"0\"]').length") == 1
    )
    second.click()
    assert shown() == len(HOSTILE)


def test_browser_map_without_its_sounds_says_so(opened, made):
    sounds = made[0] / "sound"
    sounds.rename(made[0] / "elsewhere")
    try:
        point = points_of(opened)[0][0]
        opened.execute_script("arguments[0].focus()", point)
        press(opened, "\ue007")
        wait_for(opened, "document.getElementById('map-status').textContent.includes('sound')")
    finally:
        (made[0] / "elsewhere").rename(sounds)
        opened.get_log("browser")  # the file that was not found


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_browser_page_fits_the_window(opened, width):
    with window_of(opened, width):
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_text_has_contrast(opened, scheme):
    contrast, where = least_contrast(opened, scheme)
    assert contrast >= 4.5, where
