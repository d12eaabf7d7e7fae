package boxoffice

import (
	"context"
	"fmt"
)

// SalesReport sums up all sales, in the name of the user. It returns ErrForbidden for
// anybody but organisers.
//
// TODO(task 5): a request that asks for it, and a worker that makes it. The store can
// keep a job for the user, how far it is, and what comes of it.
func (s *Service) SalesReport(ctx context.Context, userID int64) (SalesReport, error) {
	if err := s.requireOrganiser(ctx, userID); err != nil {
		return SalesReport{}, err
	}
	last, err := s.Store.LastOrder(ctx)
	if err != nil {
		return SalesReport{}, err
	}
	report := SalesReport{Cities: map[string]Sales{}}
	for after := int64(0); after < last; {
		upTo, err := s.Store.EndOfBatch(ctx, after, last, reportBatch)
		if err != nil {
			return SalesReport{}, err
		}
		batch, err := s.Store.SalesByCity(ctx, after, upTo)
		if err != nil {
			return SalesReport{}, fmt.Errorf("orders from %d to %d: %w", after, upTo, err)
		}
		report.add(batch)
		after = upTo
	}
	return report, nil
}

// Report returns a job of the user's. It returns ErrForbidden for anybody but
// organisers, and ErrNotFound for the jobs of others.
func (s *Service) Report(ctx context.Context, userID, jobID int64) (Job, error) {
	if err := s.requireOrganiser(ctx, userID); err != nil {
		return Job{}, err
	}
	job, err := s.Store.Report(ctx, jobID)
	if err != nil {
		return Job{}, err
	}
	if job.UserID != userID {
		return Job{}, ErrNotFound
	}
	return job, nil
}

// reportBatch is how many orders are summed up at a time: each batch is a short query.
const reportBatch = 10_000

func (r *SalesReport) add(cities map[string]Sales) {
	for city, sales := range cities {
		r.Sales = r.Sales.plus(sales)
		r.Cities[city] = r.Cities[city].plus(sales)
	}
}

func (s Sales) plus(more Sales) Sales {
	return Sales{s.Orders + more.Orders, s.Tickets + more.Tickets, s.TotalCents + more.TotalCents}
}
