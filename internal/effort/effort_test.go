//go:build unix

package effort

import (
	"context"
	"errors"
	"testing"
	"time"
)

var errLate = errors.New("late")

// toil keeps a processor busy until a context ends.
func toil(ctx context.Context) {
	for ctx.Err() == nil {
		continue
	}
}

func TestSpentIsWhatWorkCosts(t *testing.T) {
	start := Begin()
	time.Sleep(300 * time.Millisecond)
	if spent := start.Spent(); spent > 200*time.Millisecond {
		t.Errorf("work that waits has spent %s", spent)
	}
}

func TestSpentIsNoMoreThanTheTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start, begin := Begin(), time.Now()
	for range 4 {
		go toil(ctx)
	}
	<-ctx.Done()
	if spent, wall := start.Spent(), time.Since(begin); spent > wall || spent <= 0 {
		t.Errorf("work has spent %s in %s", spent, wall)
	}
}

func TestLimit(t *testing.T) {
	const limit = 100 * time.Millisecond
	t.Run("work without an end is ended", func(t *testing.T) {
		ctx, cancel := Limit(context.Background(), limit, errLate)
		defer cancel()
		toil(ctx)
		if cause := context.Cause(ctx); !errors.Is(cause, errLate) {
			t.Errorf("it ends with %v", cause)
		}
	})
	t.Run("work that waits goes on", func(t *testing.T) {
		ctx, cancel := Limit(context.Background(), limit, errLate)
		defer cancel()
		select {
		case <-ctx.Done():
			t.Errorf("it ends with %v", context.Cause(ctx))
		case <-time.After(3 * limit):
		}
	})
	t.Run("work that is done or given up holds nothing", func(t *testing.T) {
		parent, giveUp := context.WithCancel(context.Background())
		ctx, cancel := Limit(parent, limit, errLate)
		giveUp()
		<-ctx.Done()
		cancel()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("it ends with %v", cause)
		}
	})
}
