"""The outside services as one application: `uvicorn --factory underwriting.playground.sandbox.app:create_app`.

| prefix | what |
|---|---|
| /users, /registry, /statements, /accounts, /bureau, /exposure, /fraud, /loans, /payments | the sources on applicants |
| /users, /floats, /transactions, /scores | the sources on users of floats |
| /results/{tenant} | a partner's endpoint, which verifies signatures |
| /_control | the faults of each service |
| /_control/ledger | calls, charges and received results |

Everything is in memory and ends with the process; one process serves it.
"""

from pathlib import Path

from fastapi import FastAPI

from underwriting.playground.sandbox.answers import Answers
from underwriting.playground.sandbox.control import control_routes, receiver
from underwriting.playground.sandbox.faults import Faults
from underwriting.playground.sandbox.ledger import Ledger
from underwriting.playground.sandbox.services import bureau, float_services, routes
from underwriting.settings import Settings, settings

# A slow source takes this many times the client's timeout.
SLOW_FACTOR = 2.0


def create_app(config: Settings | None = None, data_dir: Path | None = None) -> FastAPI:
    """A sandbox with its own state; files under `data_dir` (`sandbox` in the state folder) override personas.

    A file is `<data_dir>/<service>/<customer id>.json` (of the registry: `<company number>.json`; of a user of floats:
    `users/user/<user id>.json` and `users/subscription/<user id>.json`).
    """
    config = config or settings()
    app = FastAPI(title="Sandbox of the outside services")
    faults, ledger = Faults(), Ledger()
    answers = Answers(data_dir or config.state_dir / "sandbox", config.source_timeout * SLOW_FACTOR)
    app.include_router(routes(answers))
    app.include_router(float_services(answers))
    app.include_router(bureau(answers, ledger, faults))
    app.include_router(receiver(config.partners, ledger))
    app.include_router(control_routes(ledger, faults))
    app.add_middleware(faults.middleware)
    return app
