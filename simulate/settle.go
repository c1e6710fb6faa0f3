package simulate

import "context"

// settle imitates what the rest of a real cluster does after a change.
func (r *replay) settle(ctx context.Context) error {
	now := r.recorder.count() + r.placed
	if len(r.ending) > 0 {
		now += r.clock
	}
	if r.settled == now && now != 0 {
		return nil
	}
	e := r.opts.Emulate
	for _, part := range []struct {
		on bool
		do func(context.Context) error
	}{
		{true, r.endDefinitions},
		{e.ServiceAccounts, r.defaultAccounts},
		{e.ClusterRoles, r.aggregate},
		{e.Garbage, r.collect},
		{e.Namespaces, r.endNamespaces},
		{e.Quotas, r.quotas},
		{e.AssumeReady, r.workloads},
		{e.AggregatedAPIs, r.listAPIServices},
	} {
		if !part.on {
			continue
		}
		if err := part.do(ctx); err != nil {
			return err
		}
	}
	r.settled = now
	return nil
}
