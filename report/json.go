package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// writeJSON writes the wire types, indented. docs/report-v1.schema.json
// describes them.
func writeJSON(w io.Writer, r Report, _ Options) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write JSON report: %w", err)
	}
	return nil
}
