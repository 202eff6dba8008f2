"""`python -m services.pipeline serve|api|worker|migrate|…|import-crm`."""

from libs.service.cli import command_line
from services.pipeline.imports.command_line import add_import_crm
from services.pipeline.service import SERVICE

if __name__ == "__main__":
    line = command_line(SERVICE)
    add_import_crm(line)
    line()
