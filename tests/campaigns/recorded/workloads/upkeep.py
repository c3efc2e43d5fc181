"""What is done to a ledger that stands: `python upkeep.py ROOT migrate|repair|backup`."""

from itertools import count

from saying import begin

from outlast.ledger import SqliteLedger
from outlast.ledger.backup import backup
from outlast.ledger.repair import repair


async def migrate(root):
    ledger = await SqliteLedger.open(root / "ledger.db")
    await ledger.close()


async def mend(root):
    aside = next(path for path in (root / f"aside-{number}" for number in count()) if not path.exists())
    repair(root / "ledger.db", aside=aside)


async def copy(root):
    backup(root / "ledger.db", root / "backup.db")


async def work(root, voice, chance, what):
    async with voice.doing(what):
        await {"migrate": migrate, "repair": mend, "backup": copy}[what](root)


begin(work)
