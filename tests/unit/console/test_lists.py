"""Rows of the admin's lists, whose cells say what their columns are called."""

from platform_scheduler.templatetags.console import under


def test_a_cell_says_what_its_column_is_called() -> None:
    cells = ['<td class="field-kind nowrap">Late</td>', '<th class="field-task"><a href="/">A task</a></th>']

    assert list(under(cells, [{"text": "kind"}, {"text": "late <by>"}])) == [
        '<td data-label="Kind" class="field-kind nowrap">Late</td>',
        '<th data-label="Late &lt;by&gt;" class="field-task"><a href="/">A task</a></th>',
    ]


def test_what_selects_a_row_is_told_nothing_that_is_markup() -> None:
    header = {"text": '<span><input type="checkbox" id="action-toggle"></span>'}

    assert "<span>" not in next(iter(under(['<td class="action-checkbox">…</td>'], [header])))
