package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/effort"
)

// expressionLimit is how long an expression that a repository brings may take.
// The controllers set no limit.
const expressionLimit = 10 * time.Second

var errEndless = errors.New("the expression does not come to an end")

// expressed evaluates an expression of a field of a Flux object. One that does
// not come to an end ends the Run.
func (r *replay) expressed(ctx context.Context, owner finding.Ref, field string, evaluate func(context.Context) error) error {
	limited, cancel := effort.Limit(ctx, expressionLimit, errEndless)
	defer cancel()
	err := evaluate(limited)
	if errors.Is(context.Cause(limited), errEndless) {
		r.endless = fmt.Errorf("%s (%s): an expression of %s has not been evaluated after %s: look for loops within loops, and write a simpler one",
			owner, r.placeOf(finding.Ref{}, owner, field), field, expressionLimit)
		return r.endless
	}
	return err
}
