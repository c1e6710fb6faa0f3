package release

import (
	"errors"
	"testing"
)

func TestWorded(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"a text without a list stays", "first\n- second\n a\n", "first\n- second\n a"},
		{
			"what schemas refuse is sorted per chart, and so is what is below it",
			"charts:\nweb:\n- at '/port': got number, want string\n- at '/mode': anyOf failed\n  - at '/mode/b': two\n  - at '/mode/a': one\n- at '': missing property 'x'\ndb:\n- at '/a': no\n",
			"charts:\nweb:\n- at '': missing property 'x'\n- at '/mode': anyOf failed\n  - at '/mode/a': one\n  - at '/mode/b': two\n- at '/port': got number, want string\ndb:\n- at '/a': no",
		},
		{"an empty line ends a list", "- at '/b': x\n\n- at '/a': y", "- at '/b': x\n\n- at '/a': y"},
	} {
		if got := worded(errors.New(tt.text)); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.why, got, tt.want)
		}
	}
}
